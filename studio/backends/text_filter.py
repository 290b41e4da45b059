"""Tags of a model's template that a server left in the text: thought is told from reply, and a tool call that leaked
into either is read as the call it is, while it still arrives.
"""

import json
import re
from collections.abc import Iterator
from typing import Literal

Kind = Literal["reply", "reasoning", "thought_before", "thought_over", "call", "arguments"]
Piece = tuple[Kind, str]

_State = Literal["reply", "reasoning", "between", "head", "arguments", "text_argument", "raw_argument"]

# Kimi K2 writes a call as section_begin, call_begin ID argument_begin JSON call_end, section_end. Kimi K3 writes
# everything as tags, `<|open|>call tool="NAME" index="1"<|sep|>`, an argument's text bare between its tags.
_K3_TAG = 220  # characters at most
_MARKER = re.compile(
    r"</?think>|<\|(?P<k2>tool_calls?_section_begin|tool_calls?_section_end|tool_call_begin|tool_call_argument_begin|"
    r"tool_call_end)\|>|<\|(?P<way>open|close)\|>(?P<tag>[^<]{0,200})<\|sep\|>|<\|(?:sep|im_end|end_of_msg|im_start|im_user|im_assistant|im_system|im_middle)\|>"
)
_FIXED = (
    "<think>",
    "</think>",
    "<|tool_calls_section_begin|>",
    "<|tool_calls_section_end|>",
    "<|tool_call_section_begin|>",
    "<|tool_call_section_end|>",
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "<|open|>",
    "<|close|>",
    "<|sep|>",
    "<|im_end|>",
    "<|end_of_msg|>",
    "<|im_start|>",
    "<|im_user|>",
    "<|im_assistant|>",
    "<|im_system|>",
    "<|im_middle|>",
)
_MARKS = ("thought_before", "thought_over", "call")  # pieces that may hold no text
_LONGEST = max(map(len, _FIXED))
_OPENING = re.compile(r"<\|(?:open|close)\|>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


class TextFilter:
    """Feed it text as it comes, cut anywhere; it says of which kind each piece is.

    `call` holds a call's id or name, `arguments` the next piece of its JSON. `thought_before` (with no text) says that
    what came before as reply was thought: a model whose template opens the thought in the prompt closes what it never
    opened. `thought_over` (with no text) stands for a closing tag in what the server itself calls reasoning: what
    follows stays reasoning, unless nothing else comes.
    """

    def __init__(self, base: Literal["reply", "reasoning"] = "reply") -> None:
        self._base = base
        self._state: _State = base
        self._back: Literal["reply", "reasoning"] = base  # where a leaked call returns to
        self._opened = base == "reasoning"
        self._held = ""
        self._head = ""
        self._arguments = 0  # of the open K3 call

    def feed(self, text: str) -> list[Piece]:
        """The pieces that are certain now; the start of a possible marker is held back."""
        if "<" not in text and not self._held and (self._state == "reply" or self._state == "reasoning"):
            return [(self._state, text)] if text else []
        return [piece for piece in self._pieces(text) if piece[1] or piece[0] in _MARKS]

    def end(self) -> list[Piece]:
        """What was held back and turned out to be no marker."""
        held, self._held = self._held, ""
        if self._state == "head":
            return [("call", (self._head + held).strip())]  # one that never came to its arguments
        if _OPENING.match(held):
            return []
        return [piece for piece in self._text(held) if piece[1]]

    def _pieces(self, text: str) -> Iterator[Piece]:
        text, self._held = self._held + text, ""
        at = 0
        for match in _MARKER.finditer(text):
            yield from self._text(text[at : match.start()])
            yield from self._marker(match)
            at = match.end()
        rest = text[at:]
        while (opening := _OPENING.search(rest)) and len(rest) - opening.start() > _K3_TAG:
            yield from self._text(rest[: opening.start()])  # no tag is that long: drop the marker, keep the text
            rest = rest[opening.end() :]
        cut = opening.start() if opening else _begun_marker(rest)
        self._held = rest[cut:]
        yield from self._text(rest[:cut])

    def _text(self, text: str) -> Iterator[Piece]:
        match self._state:
            case "reply" | "reasoning":
                yield self._state, text
            case "arguments" | "raw_argument":
                yield "arguments", text
            case "text_argument":
                yield "arguments", json.dumps(text, ensure_ascii=False)[1:-1]
            case "head":
                self._head += text
            case "between":
                pass  # blanks between calls

    def _marker(self, match: re.Match[str]) -> Iterator[Piece]:
        if match["k2"]:
            yield from self._k2(match["k2"].replace("tool_calls_", "tool_call_"))
        elif match["way"]:
            yield from self._k3(match["way"] == "open", match["tag"].strip())
        elif self._state in ("arguments", "text_argument", "raw_argument"):
            yield from self._text(match.group())
        elif match.group() == "<think>":
            self._state, self._opened = "reasoning", True
        elif match.group() == "</think>":
            yield from self._begin_reply()

    def _begin_reply(self) -> Iterator[Piece]:
        if self._base == "reasoning":
            self._state = "reasoning"
            yield "thought_over", ""
            return
        if not self._opened:
            yield "thought_before", ""
        self._state, self._opened = "reply", True

    def _k2(self, marker: str) -> Iterator[Piece]:
        self._remember()
        if self._state == "head" and marker != "tool_call_argument_begin":
            yield "call", self._head.strip()
        match marker:
            case "tool_call_begin":
                self._state, self._head = "head", ""
            case "tool_call_argument_begin":
                yield "call", self._head.strip()
                self._state = "arguments"
            case "tool_call_section_end":
                self._state = self._back
            case _:
                self._state = "between"

    def _k3(self, opens: bool, tag: str) -> Iterator[Piece]:
        name = tag.split(maxsplit=1)[0] if tag else ""
        attributes = dict(_ATTRIBUTE.findall(tag))
        match name, opens:
            case "think", True:
                self._state, self._opened = "reasoning", True
            case ("think", False) | ("response", True):
                yield from self._begin_reply()
            case "tools", False:
                self._state = self._back
            case "call", False:
                yield "arguments", "}"
                self._state = "between"
            case "call", True:
                self._remember()
                yield "call", attributes.get("tool", "")
                yield "arguments", "{"
                self._state, self._arguments = "between", 0
            case "argument", True:
                yield "arguments", (", " if self._arguments else "") + json.dumps(attributes.get("key", "")) + ": "
                is_text = attributes.get("type", "string") == "string"
                if is_text:
                    yield "arguments", '"'
                self._state = "text_argument" if is_text else "raw_argument"
                self._arguments += 1
            case "argument", False:
                if self._state == "text_argument":
                    yield "arguments", '"'
                self._state = "between"
            case "tools", True:
                self._remember()
                self._state = "between"
            case _:
                pass  # message, response closed: nothing changes hands

    def _remember(self) -> None:
        if self._state == "reply" or self._state == "reasoning":
            self._back = self._state


def _begun_marker(text: str) -> int:
    """Where a marker begins that `text` ends in the middle of, or its length."""
    for start in range(max(0, len(text) - _LONGEST + 1), len(text)):
        if text[start] == "<" and any(marker.startswith(text[start:]) for marker in _FIXED):
            return start
    return len(text)

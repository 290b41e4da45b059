"""Tags of a model's template that a server left in the text: thought is told from reply, leaked calls are kept back."""

import re
from typing import Literal

Kind = Literal["reply", "reasoning", "leak"]

_MARKERS: dict[str, Kind | None] = {
    "<think>": "reasoning",
    "</think>": "reply",
    "<|tool_calls_section_begin|>": "leak",
    "<|tool_calls_section_end|>": "reply",
}
_ANY = re.compile("|".join(re.escape(marker) for marker in _MARKERS))
_LONGEST = max(map(len, _MARKERS))
_LEAKED_CALL = re.compile(
    r"<\|tool_call_begin\|>\s*(?P<id>(?:functions\.)?(?P<name>[\w-]+):?\d*)\s*"
    r"<\|tool_call_argument_begin\|>\s*(?P<arguments>.*?)\s*<\|tool_call_end\|>",
    re.DOTALL,
)


class TextFilter:
    """Feed it reply text as it comes, cut anywhere; it says which kind each piece is."""

    def __init__(self) -> None:
        self._kind: Kind = "reply"
        self._held = ""

    def feed(self, text: str) -> list[tuple[Kind, str]]:
        """The pieces that are certain now; the start of a possible marker is held back."""
        if "<" not in text and not self._held:
            return [(self._kind, text)] if text else []
        text = self._held + text
        found: list[tuple[Kind, str]] = []
        at = 0
        for match in _ANY.finditer(text):
            if match.start() > at:
                found.append((self._kind, text[at : match.start()]))
            self._kind = _MARKERS[match.group()] or self._kind
            at = match.end()
        rest = text[at:]
        cut = _begun_marker(rest)
        self._held = rest[cut:]
        if rest[:cut]:
            found.append((self._kind, rest[:cut]))
        return found

    def end(self) -> list[tuple[Kind, str]]:
        """What was held back and turned out to be no marker."""
        held, self._held = self._held, ""
        return [(self._kind, held)] if held else []


def _begun_marker(text: str) -> int:
    """Where a marker begins that `text` ends in the middle of, or its length."""
    for start in range(max(0, len(text) - _LONGEST + 1), len(text)):
        if text[start] == "<" and any(marker.startswith(text[start:]) for marker in _MARKERS):
            return start
    return len(text)


def leaked_calls(text: str) -> list[tuple[str, str, str]]:
    """(id, name, arguments) of every complete call in a leaked section of Kimi K2's template."""
    return [(m["id"], m["name"], m["arguments"]) for m in _LEAKED_CALL.finditer(text)]

"""A model that writes a whole novel. What it does next hangs on the request alone, as with any model: on its own last
call and what came of it, or, after a compression, on the summary and the list of files that it finds there.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from novel_prose import Act, Novel, thought

Messages = Sequence[dict[str, Any]]

_ASKED_TO_SUM_UP = re.compile(r"\b(?:write|give|make)\b[^.\n]{0,60}\bsummary\b(?! of what)", re.IGNORECASE)
_CALLS_FINISH = "call finish with a short summary"  # the nudge's words, which ask for none
_POSITION = re.compile(r"Next is act (\d+) of")
_LISTED = re.compile(r"chapter_(\d+)\.md[^\n\d]{0,12}([\d,]+) words(?! kept)")
_KEPT = re.compile(r"(\S+\.md): [\d,]+ words kept from a reply that was cut")
_TAIL = re.compile(r"words of (\S+), which end: «…?(.*?)»\n", re.DOTALL)
_KEPT_TEXT = re.compile(r"\[Kept from your reply that was cut[^\]]*\]\n(.*)\Z", re.DOTALL)
_MOST_WORDS = re.compile(r"(?:at most|under|within|up to) (\d[\d,]*) words", re.IGNORECASE)
_DONE = ("wrote ", "rewrote ", "added to ", "edited ")
_CALLED = re.compile(r"you called (\w+)")
_SCENE = re.compile(r"→ (?:wrote|added to) chapter_")
_AHEAD = 5  # acts after the last scene, until the next chapter
_TRIES = 2  # at one write before it goes on without it


@dataclass(frozen=True)
class Says:
    """A whole reply."""

    act: int  # which act of the plan it is about
    reasoning: str = ""
    text: str = ""
    name: str = ""  # of the one call; "" = none
    id: str = ""
    arguments: str = ""


def asks_for_summary(messages: Messages) -> bool:
    """Whether a request is for a summary: its last word says so, whatever the prompt's exact words."""
    last = messages[-1]
    text = str(last.get("content") or "")
    return last["role"] == "user" and bool(_ASKED_TO_SUM_UP.search(text)) and _CALLS_FINISH not in text


def answer(novel: Novel, messages: Messages, *, has_tools: bool) -> Says:
    """What the novelist says to this request."""
    if asks_for_summary(messages):
        at = position(novel, messages[:-1])
        return Says(act=at, reasoning="Sum up.", text=summary(novel, at, str(messages[-1]["content"])))
    if not has_tools:
        return Says(act=-1, reasoning="I read it with fresh eyes.", text=_critique(str(messages[-1]["content"])))
    at, wants_look = _next(novel, messages)
    number = len(messages)
    if wants_look:
        return Says(
            act=at, reasoning="What stands on disk?", name="list_files", id=f"look{at}_{number}", arguments="{}"
        )
    act = novel.acts[min(at, len(novel.acts) - 1)]
    arguments: dict[str, str] | None = act.arguments
    if act.name == "write_file":
        arguments = _what_is_left(act, messages)
        if arguments is None:
            file = json.dumps({"filename": act.arguments["filename"]})
            return Says(act=at, reasoning="What was kept?", name="read_file", id=f"kept{at}_{number}", arguments=file)
    raw = json.dumps(arguments, ensure_ascii=False)
    return Says(act=at, reasoning=thought(at, novel.thought), name=act.name, id=f"act{at}_{number}", arguments=raw)


def position(novel: Novel, messages: Messages) -> int:
    """The act that comes next, as far as the conversation tells."""
    return _next(novel, messages)[0]


# --- where it stands --------------------------------------------------------------------------------------------------


def _next(novel: Novel, messages: Messages) -> tuple[int, bool]:
    """(the act that comes next, whether it has to look at the files first)."""
    ids = [message["tool_calls"][0]["id"] for message in messages if message.get("tool_calls")]
    if ids:
        found = re.fullmatch(r"([a-z]+)(\d+)_\d+", ids[-1])
        assert found is not None, f"the id {ids[-1]} is not one of ours"
        kind, act = found[1], int(found[2])
        result = next(str(message["content"]) for message in reversed(messages) if message["role"] == "tool")
        if kind == "look":
            return max(act, _from_files(novel, result) or 0), False
        if kind == "kept":
            return act, False
        if novel.acts[act].name != "write_file" or result.startswith(_DONE):
            return act + 1, False
        tries = sum(id_.startswith(f"act{act}_") for id_ in ids)
        return (act, True) if tries < _TRIES else (act + 1, False)
    remembered = "\n".join(str(message.get("content") or "") for message in messages[2:] if message["role"] == "user")
    said = [int(found) for found in _POSITION.findall(remembered)]
    listed = _from_files(novel, remembered)
    if not said and listed is None:
        # The first call of all; or nothing is known any more, and the files have to tell.
        return 0, bool(remembered) and "summary" in remembered.lower()
    return _from_calls(novel, remembered, max([*said[-1:], listed or 0])), False


def _from_calls(novel: Novel, remembered: str, at: int) -> int:
    """What comes next by a bare list of what was called since the last scene, each call the next of its name."""
    if novel.acts[at - 1].scene != novel.scenes:  # nothing comes between two scenes
        return at
    for name in _CALLED.findall(_SCENE.split(remembered)[-1]):
        ahead = (place for place in range(at, min(at + _AHEAD, len(novel.acts))) if novel.acts[place].name == name)
        at = next(ahead, at - 1) + 1
    return at


def _from_files(novel: Novel, listing: str) -> int | None:
    """What comes next by the list of files; None when it holds no chapter."""
    words: dict[int, int] = {}
    for chapter, count in _LISTED.findall(listing):
        words[int(chapter)] = int(count.replace(",", ""))  # said twice, the later one counts
    known = [chapter for chapter in words if chapter <= novel.chapters]
    return novel.after_words(max(known), words[max(known)]) if known else None


def _what_is_left(act: Act, messages: Messages) -> dict[str, str] | None:
    """The arguments of a write, without what was kept of it when it was cut; None when what was kept must be read."""
    file = act.arguments["filename"]
    tails: list[str] = []
    for message in reversed(messages):
        text = str(message.get("content") or "")
        if message["role"] == "tool" and message["tool_call_id"].startswith("kept"):
            tails += [found.rstrip()[-200:] for found in _KEPT_TEXT.findall(text)]
            break
        if message["role"] != "user":
            break
        tails += [tail for name, tail in _TAIL.findall(text) if name == file]
        if not tails and file in _KEPT.findall(text):
            return None
    content = act.arguments["content"]
    for tail in tails:
        if content.count(tail) == 1:
            return {**act.arguments, "content": content[content.index(tail) + len(tail) :], "mode": "append"}
    return act.arguments


# --- what it says beside the book -------------------------------------------------------------------------------------


def summary(novel: Novel, at: int, asked: str) -> str:
    """A structured summary within what was asked, under the headings that were asked for, if any were."""
    most = [int(found.replace(",", "")) for found in _MOST_WORDS.findall(asked)]
    room = round(0.7 * min(most, default=800))  # words
    headings = [line[3:].strip() for line in asked.splitlines() if line.startswith("## ")]
    headings = headings or ["Plot so far", "Threads", "Who knows what", "Facts", "Style", "Next"]
    chapter = max((act.chapter for act in novel.acts[:at]), default=0)
    # The latest chapters whole, those before them as far as there is room.
    lines = [novel.chapter_line(number) for number in range(chapter, 0, -1)]
    kept: list[str] = []
    for line in lines:
        room -= len(line.split())
        if room < 60:
            break
        kept.insert(0, line)
    act = novel.acts[min(at, len(novel.acts) - 1)]
    position = f"Next is act {at} of {len(novel.acts)}: {act.name} {act.arguments.get('filename', '')}".rstrip() + "."
    parts = [f"## {headings[0]}", *kept]
    parts += [f"## {heading}\nAs in the outline, for chapter {chapter}." for heading in headings[1:-1]]
    return "\n".join([*parts, f"## {headings[-1]}", position])


def _critique(request: str) -> str:
    """A review; as JSON with a quoted passage where scores were asked for by name."""
    quoted = next((line for line in request.splitlines() if len(line) > 200), request[:120])[:80]
    return (
        f"Scene: it turns at «{quoted}». People: told apart. Prose: «there had been» once too often. No change needed."
    )

"""A model that has a book of sixty steps in its head, and reads what it is told: what it answers hangs on the
conversation alone. After a cut it goes on where it is told that the kept text ends.
"""

import json
import re
from typing import Any

from loopback import Answer, Wire

STEPS = 60
_TAIL = re.compile(r"words of (\S+), which end: «…?(.*?)»", re.DOTALL)
_LETTERS = ["the tide", "Élodie", "島の灯台", "“salt”", "a gull 🌊", "the quay—wet", "Mara's boat"]


def _sentence(chapter: int, number: int) -> str:
    subject = _LETTERS[(chapter * 7 + number) % len(_LETTERS)]
    return f"In chapter {chapter}, wave {number}, {subject} came back and nobody counted it but her."


def chapter_text(chapter: int) -> str:
    """Three paragraphs of numbered sentences, no two alike in the book."""
    paragraphs = [" ".join(_sentence(chapter, number) for number in range(first, first + 6)) for first in (0, 6, 12)]
    return f"# Chapter {chapter}\n\n" + "\n\n".join(paragraphs) + "\n"


def _addition(chapter: int) -> str:
    return "\n" + " ".join(_sentence(chapter, number) for number in range(18, 24)) + "\n"


def _write(file: str, content: str, mode: str) -> tuple[str, dict[str, str]]:
    return "write_file", {"filename": file, "content": content, "mode": mode}


def _plan() -> list[tuple[str, dict[str, str]]]:
    calls = [_write("outline.md", "# Outline\n\n" + "\n".join(f"{n}. Wave {n}" for n in range(1, 15)) + "\n", "create")]
    for chapter in range(1, 15):
        file = f"chapter_{chapter:02}.md"
        calls += [
            _write(file, chapter_text(chapter), "create"),
            ("read_file", {"filename": file}),
            _write(file, _addition(chapter), "append"),
            ("edit_file", {"filename": file, "old_text": "wave 3,", "new_text": "wave three,"}),
        ]
    calls += [("list_files", {})] * (STEPS - 1 - len(calls))
    return [*calls, ("finish", {"summary": "The tide is counted."})]


PLAN = _plan()
FILES = {
    "outline.md": PLAN[0][1]["content"].encode(),
    **{
        f"chapter_{chapter:02}.md": (chapter_text(chapter) + _addition(chapter))
        .replace("wave 3,", "wave three,", 1)
        .encode()
        for chapter in range(1, 15)
    },
}


def answer_to(messages: list[dict[str, Any]]) -> Answer:
    """The whole reply that the model gives at this point of the conversation."""
    done = sum(message["role"] == "assistant" for message in messages)
    name, arguments = PLAN[min(done, len(PLAN) - 1)]
    if name == "write_file":
        arguments = _what_is_left(arguments, messages)
    raw = json.dumps(arguments, ensure_ascii=bool(done % 2))
    thought = f"Step {done + 1} of the tide. "
    return Answer(
        [
            *(Wire.delta(reasoning_content=thought[i : i + 9]) for i in range(0, len(thought), 9)),
            Wire.call("", name=name, id=f"{name}:{done}"),
            *(Wire.call(raw[i : i + 24]) for i in range(0, len(raw), 24)),
            Wire.delta("tool_calls"),
            Wire.data({"choices": [], "usage": {"prompt_tokens": len(str(messages)) // 4, "completion_tokens": 99}}),
            Wire.DONE,
        ]
    )


def _what_is_left(arguments: dict[str, str], messages: list[dict[str, Any]]) -> dict[str, str]:
    """What the model has not been told is kept, from the last time it was told."""
    told = []
    for message in reversed(messages):
        if message["role"] in ("assistant", "tool"):
            break
        told += [tail for file, tail in _TAIL.findall(message["content"]) if file == arguments["filename"]]
    for tail in told:
        content = arguments["content"]
        place = content.find(tail)
        assert place >= 0 and content.count(tail) == 1, f"the model never wrote {tail!r}"
        rest = content[place + len(tail) :]
        return {**arguments, "content": rest, "mode": "append"}
    return arguments

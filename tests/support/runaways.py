"""Models that run away, each in a way of its own, as endless scripts of replies; and two of them in turns."""

import itertools
import json
from collections.abc import Callable, Iterator

from loopback import Answer, Request, Wire
from played_book import calls, writes

FILES = 4  # chapters that stand when it begins to run away
BEGUN = 1 + FILES  # steps until then

Runaway = Callable[[], Iterator[Answer]]


def same_call() -> Iterator[Answer]:
    return itertools.repeat(calls("list_files"))


def empty() -> Iterator[Answer]:
    return itertools.repeat(Wire.reply())


def endless_thought() -> Iterator[Answer]:
    pieces = [Wire.delta(reasoning_content="and yet " * 100) for _ in range(400)]  # 80,000 tokens
    return itertools.repeat(Answer([*pieces, Wire.HANG]))


def megabyte() -> Iterator[Answer]:
    return itertools.repeat(Answer([*[Wire.delta(content="The sea. " * 1000) for _ in range(120)], Wire.HANG]))


def hundred_calls() -> Iterator[Answer]:
    for number in itertools.count():
        asked = [json.dumps({"query": f"gull {number} {place}"}) for place in range(100)]
        made = [Wire.call(raw, name="search_files", id=f"h{at}", index=at) for at, raw in enumerate(asked)]
        yield Answer([*made, Wire.delta("tool_calls"), Wire.DONE])


def failing_edits() -> Iterator[Answer]:
    for number in itertools.count():
        file = f"chapter_{number % FILES + 1:02}.md"
        yield calls("edit_file", filename=file, old_text=f"not there {number}", new_text="")


def circle_of_reads() -> Iterator[Answer]:
    for number in itertools.count():
        yield calls("read_file", filename=f"chapter_{number % FILES + 1:02}.md")


def one_word_appends() -> Iterator[Answer]:
    for number in itertools.count():
        yield writes(f" word{number}", "chapter_01.md", "append")


def new_titles() -> Iterator[Answer]:
    for number in itertools.count():
        yield calls("create_project", project_name=f"Title {number}")


RUNAWAYS: dict[str, Runaway] = {
    one.__name__: one
    for one in (
        same_call,
        empty,
        endless_thought,
        megabyte,
        hundred_calls,
        failing_edits,
        circle_of_reads,
        one_word_appends,
        new_titles,
    )
}


def chapters() -> Iterator[Answer]:
    """The book as it stands before."""
    yield calls("create_project", project_name="Tide")
    for number in range(1, FILES + 1):
        yield writes(f"# {number}\n\nThe tide {number} went out, and Mara saw it go.\n", f"chapter_{number:02}.md")


def model(*runaways: str) -> Callable[[Request], Answer]:
    """Writes a few chapters, then answers as these do in turns, for ever."""
    turns = [RUNAWAYS[name]() for name in runaways]
    script = itertools.chain(chapters(), (next(turn) for turn in itertools.cycle(turns)))
    return lambda request: next(script)

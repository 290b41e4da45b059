"""A talk killed at every event of it stands where it stood: no turn is said twice, no word of the author's is lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import killed_talk
import pytest
from killed_talk import REMARKS
from scripted_book import call
from studio_command import CHECKOUT, Model

from studio.book import layout
from studio.book.journal import Journal
from studio.events import (
    CowritingEnded,
    CowritingStarted,
    Event,
    FileWritten,
    NoteGiven,
    ToolFinished,
    TurnEnded,
    WriteIntended,
)

TURNS = ["One: a ship.", "Two: a ferry.", "Three: a lighthouse, and its keeper."]
SCRIPT = [
    *({"reasoning_content": "Hm.", "content": turn} for turn in TURNS),
    {"calls": [call("c:0", "write_file", filename="outline.md", content="# A lighthouse\n", mode="create")]},
    {"calls": [call("c:1", "write_file", filename="chapter_01.md", content="# One\n\nIt shone.\n", mode="create")]},
    {"calls": [call("c:2", "finish", summary="Done.")]},
]
BRAINSTORM = "# Brainstorm\n\n" + "\n\n".join(
    f"## The {who}\n\n{said}"
    for who, said in [
        ("author", "A book"),
        ("agent", TURNS[0]),
        ("author", REMARKS[0]),
        ("agent", TURNS[1]),
        ("author", REMARKS[1]),
        ("agent", TURNS[2]),
    ]
)


GoOn = Callable[..., int]


@pytest.fixture
def go_on() -> Iterator[GoOn]:
    """`go_on(root, url, kill_at, is_durable)`: the exit code of a process of its own that works on the book."""
    forking = subprocess.Popen(
        [sys.executable, killed_talk.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )

    def go_on(root: Path, url: str, kill_at: int = 0, is_durable: bool = True) -> int:
        assert forking.stdin is not None and forking.stdout is not None
        print(json.dumps([str(root), url, kill_at, is_durable]), file=forking.stdin, flush=True)
        return int(forking.stdout.readline())

    yield go_on
    forking.kill()
    forking.communicate()


def test_killed_at_every_event_the_talk_goes_on_where_it_stood(
    play: Callable[..., Model], go_on: GoOn, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    model = play(SCRIPT)
    root = layout.create_book(tmp_path / "projects", "A book", "talk", cowrite=True)
    kills, kill_at = 0, 1
    while (code := go_on(root, model.url, kill_at)) == -signal.SIGKILL:  # one event further each time
        kills += 1
        # A write that was not made is dropped and intended anew before it can be made.
        *_, last = Journal.open_readonly(root).read()
        kill_at = 3 if isinstance(last, WriteIntended) else 1
        assert kills < 100
    assert code == 0
    assert kills > 20, "every event of the talk, and of the book after it"
    check(root)
    figure(f"a talk killed at each of {kills} events, once on disk: none lost, none twice")


@pytest.mark.parametrize("kill_at", range(1, 40) if os.environ.get("STUDIO_THOROUGH") else (2, 8, 14, 17))
def test_killed_before_an_event_is_on_disk_nothing_is_said_twice(
    kill_at: int, play: Callable[..., Model], go_on: GoOn, tmp_path: Path
) -> None:
    model = play(SCRIPT)
    root = layout.create_book(tmp_path / "projects", "A book", "talk", cowrite=True)
    if go_on(root, model.url, kill_at, is_durable=False) != 0:
        assert go_on(root, model.url) == 0
    check(root)


def check(root: Path) -> None:
    record = list(Journal.open_readonly(root).read())

    def of(kind: type[Event]) -> list[Event]:
        return [event for event in record if isinstance(event, kind)]

    assert len(of(CowritingStarted)) == len(of(CowritingEnded)) == 1
    assert len(of(TurnEnded)) == len(TURNS)
    assert [event.text for event in record if isinstance(event, NoteGiven)] == REMARKS
    assert (root / "notes/brainstorm.md").read_text() == BRAINSTORM + "\n"
    assert (root / "outline.md").read_text() == "# A lighthouse\n"
    written = [event.file for event in record if isinstance(event, FileWritten)]
    assert written == ["notes/brainstorm.md", "outline.md", "chapter_01.md"]
    assert [event.id for event in record if isinstance(event, ToolFinished)] == ["c:0", "c:1", "c:2"]

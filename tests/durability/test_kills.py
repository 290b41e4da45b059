"""A studio killed again and again while the author edits: nothing acknowledged is lost, nothing is done twice."""

import math
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from busy_author import BusyAuthor, name_of
from long_book import call_ids, long_book
from studio_command import Model, StudioCommand, events_of

from studio.book.journal import Journal
from studio.book.words import count_words

EACH = 25  # kills a test
KILLS = int(os.environ.get("STUDIO_KILLS", "1000" if os.environ.get("STUDIO_THOROUGH") else "12"))


class Killed:
    """One book, killed until it is finished or often enough."""

    def __init__(self, studio: StudioCommand, model: Model, name: str, chance: random.Random) -> None:
        self.root = studio.projects / name
        self.printed: list[dict[str, Any]] = []
        self.sampled: set[str] = set()
        self.kills = 0
        self._studio = studio
        self._name = name
        self._chance = chance
        served = ["--backend", "openai", "--base-url", model.url, "--model", "scripted", "--headless", "--json"]
        self._new = ["new", "Waves", "--name", name, *served]
        self._resume = ["resume", name, *served]

    def run(self, most: int, author: BusyAuthor) -> None:
        """Kill it at most so often, then let it finish."""
        while self.kills < most and not self._one(author):
            pass
        if self.kills == most:
            done = self._studio.run(*self._resume, timeout=300)
            assert done.returncode == 0, done.stderr
            self.printed += events_of(done.stdout)

    def _one(self, author: BusyAuthor) -> bool:
        """One process, killed at a random moment; True when it was finished before that."""
        out = self._studio.home / "out.jsonl"
        with out.open("w") as file:
            process = self._studio.start(
                *self._resume if self.printed else self._new, stdout=file, stderr=subprocess.STDOUT
            )
            # Some are killed while they open the book and settle what the one before left behind.
            early = bool(self.printed) and self._chance.random() < 0.3
            deadline = time.monotonic() + 60
            while not early and not out.stat().st_size and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.004)
            try:
                code = process.wait(self._chance.uniform(0.2, 1.2) if early else self._chance.uniform(0.0, 0.6))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                code = -signal.SIGKILL
        lines = out.read_text().rpartition("\n")[0]
        with author.saving:
            for path in self.root.glob("chapter_*.md"):
                self.sampled.add(name_of(path.read_bytes().decode()))
        self.printed += events_of(lines)
        if code == 0:
            return True
        assert code == -signal.SIGKILL, lines[-2000:]
        if self.printed:
            self.kills += 1  # else nothing had been acknowledged: it proves nothing
        return False


def kept_beside(root: Path) -> set[str]:
    return {name_of(path.read_bytes().decode()) for path in (root / ".studio").rglob("*") if path.parent.name == "kept"}


@pytest.mark.parametrize("seed", range(math.ceil(KILLS / EACH)))
def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(
    seed: int, play: Callable[..., Model], studio: StudioCommand, figure: Callable[[str], None]
) -> None:
    chance = random.Random(seed)
    kills = acknowledged = saves = displaced = books = 0
    while kills < min(EACH, KILLS):
        script = long_book(seed * 100 + books)
        killed = Killed(studio, play(script, pause=0.0004), f"salt-{books}", chance)
        with BusyAuthor(killed.root, seed * 100 + books) as author:
            killed.run(min(EACH, KILLS) - kills, author)
        check(killed, author, script)
        kills, books = kills + killed.kills, books + 1
        acknowledged += len(killed.printed)
        saves, displaced = saves + author.saves, displaced + len(author.displaced)
    figure(
        f"kills, seed {seed}: {kills} of {books} books, {acknowledged} events acknowledged, {saves} saves of the "
        f"author, {displaced} of them displaced by the agent; nothing lost, nothing twice"
    )


def check(killed: Killed, author: BusyAuthor, script: list[dict[str, Any]]) -> None:
    root = killed.root
    record = Journal.open_readonly(root)
    events = events_of("\n".join(msg.decode() for msg in _bodies(root)))
    by_seq = {event["seq"]: event for event in events}
    assert list(by_seq) == list(range(1, len(events) + 1))
    for event in killed.printed:
        assert by_seq.get(event["seq"]) == event, "an event was acknowledged and is not in the record"
    assert events[-1]["event"] == "run_finished"
    for kind in ("tool_started", "tool_finished"):
        assert [event["id"] for event in events if event["event"] == kind] == call_ids(script)
    writes = Counter(event["id"] for event in events if event["event"] == "file_written")
    assert set(writes.values()) == {1}
    for path in root.glob("chapter_*.md"):
        with author.saving:
            author.look(path, path.read_bytes().decode())
    kept = kept_beside(root)
    for name in author.displaced:
        assert record.has_text(name) or name in kept, "a save of the author's was displaced and is nowhere"
    on_disk = {name_of(path.read_bytes().decode()) for path in root.glob("chapter_*.md")}
    assert author.standing() <= on_disk
    for name in killed.sampled:
        assert record.has_text(name) or name in author.written, "a file was half-written"
    for path in root.glob("chapter_*.md"):
        text = path.read_text()
        for sentence, count in Counter(part.strip() for part in text.replace("。", "。\n").split("\n")).items():
            assert count == 1 or not count_words(sentence) or sentence.startswith("#"), (path.name, sentence)
        assert count_words(text) > 0
    assert list((root / ".studio/tmp").iterdir()) == []


def _bodies(root: Path) -> list[bytes]:
    with closing(sqlite3.connect(root / ".studio/journal.db")) as connection:
        return [body for (body,) in connection.execute("SELECT body FROM events ORDER BY seq")]

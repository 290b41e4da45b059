"""A book that one studio writes and another opens: the second follows it live, whatever happens to the record."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from live_run import LiveRun
from scripted_book import BOOK, FILES
from studio_command import Model, StudioCommand

from studio import events as ev
from studio.book.journal import Journal, peek
from studio.config import load_config
from studio.errors import BookHeld
from studio.sessions import FollowingSession
from studio.wiring import Workshop

SERVED = ["--backend", "openai", "--model", "scripted"]


async def test_a_second_studio_reads_along_what_the_first_one_writes(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.002)
    run = LiveRun(studio, "new", "Salt", "--name", "salt", *SERVED, "--base-url", model.url)
    config = load_config({"projects": str(studio.projects)}, file=None, environment={"HOME": str(studio.home)})
    seen: list[ev.Event] = []
    try:
        await asyncio.to_thread(run.until, "step_started", step=3)
        session = await Workshop(config, pause_on_fault=True, is_author_there=True).open("salt")
        assert isinstance(session, FollowingSession)
        assert (
            f"being written by another studio (process {run._process.pid} on {os.uname().nodename}" in session.held_by
        )
        seen += session.history()
        assert 5 < len(seen) < 60
        session.subscribe(seen.append)
        following = asyncio.create_task(session.work(0.05))
        session.run.stop()
        session.run.note("not mine to say")
        with pytest.raises(BookHeld):
            await session.lock("chapter_01.md", locked=True)
        assert await asyncio.to_thread(run.end) == 0, run.errors
        await asyncio.sleep(0.5)
        await session.close()
        await asyncio.wait_for(following, 5)
    finally:
        run.kill()
    assert studio.files("salt") == FILES
    assert [event.seq for event in seen] == [event["seq"] for event in run.events]
    assert isinstance(seen[-1], ev.RunFinished)


@pytest.fixture
async def journal(tmp_path: Path) -> Journal:
    (tmp_path / "salt").mkdir()
    return Journal.open(tmp_path / "salt")


async def test_one_who_follows_outlasts_a_record_that_can_t_be_read_for_a_moment(
    journal: Journal, tmp_path: Path
) -> None:
    root = tmp_path / "salt"
    seen: list[ev.Event] = []
    session = FollowingSession(root, "held")
    session.subscribe(seen.append)
    following = asyncio.create_task(session.work(0.02))
    record = root / ".studio/journal.db"

    async def say(text: str) -> None:
        journal.append(ev.NoteGiven(text=text))
        await journal.durable()

    await say("one")
    root.rename(tmp_path / "away")
    root.write_text("no folder at all")
    await asyncio.sleep(0.2)
    root.unlink()
    (tmp_path / "away").rename(root)
    await say("two")
    body = record.read_bytes()
    record.rename(tmp_path / "kept")
    record.write_bytes(b"no database" * 1000)
    await asyncio.sleep(0.2)
    record.unlink()
    (tmp_path / "kept").rename(record)
    assert record.read_bytes() == body
    await say("three")
    async with asyncio.timeout(10):
        while len(seen) < 3:
            await asyncio.sleep(0.02)
    await session.close()
    await following
    await journal.close()
    assert [event.text for event in seen if isinstance(event, ev.NoteGiven)] == ["one", "two", "three"]


def test_a_record_that_is_being_made_holds_nothing_yet(tmp_path: Path) -> None:
    root = tmp_path / "salt"
    (root / ".studio").mkdir(parents=True)
    connection = sqlite3.connect(root / ".studio/journal.db")
    for statement in ("PRAGMA journal_mode = WAL", "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID"):
        connection.execute(statement)
        assert list(FollowingSession(root, "held").history()) == []
        assert peek(root).readable
    connection.close()

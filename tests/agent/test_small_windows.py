"""Any window, however small: a book is written in it, or one sentence says why that can't be; no run is ever stuck."""

import asyncio
import os
from pathlib import Path

import pytest
from loopback import Wire
from novel_prose import Novel
from novel_server import Moments, NovelServer, Record
from played_book import CHAPTER, KEY, SWIFT, TWO, Stage, writes

from studio.agent.limits.allowance import Limits
from studio.agent.memory.least_window import ROOM
from studio.agent.open_book import OpenBook
from studio.agent.run import FAILED, FINISHED, Run
from studio.backends.backend import BackendChoice
from studio.backends.catalog import open_backend
from studio.book import layout
from studio.config import cache_folder

SHORT = Novel(chapters=3, scenes=3, sentences=16, short=3, thought=20)
WINDOWS = [1_000, 2_000, 3_000, 3_250, 3_375, 3_500, 3_750, 4_096, 6_000, 8_192, 12_000]
if os.environ.get("STUDIO_THOROUGH"):
    WINDOWS = [*range(1_000, 3_000, 250), *range(3_000, 4_000, 25), *range(4_000, 12_001, 250)]
CALLS = 3 * len(SHORT.acts)  # that such a book may take at most, summaries among them


async def written(novel: Novel, window: int, projects: Path) -> tuple[int, str, Record]:
    """What became of it: the exit code, why it failed, and what the server saw."""
    layout.create_book(projects, "A short book about salt.", "salt")
    book, record = OpenBook.open(projects / "salt"), Record()
    with NovelServer("one", novel, window, record, Moments()) as server:
        choice = BackendChoice(backend="openai", model="novelist", base_url=server.url, context=window)
        backend = open_backend(choice, key_of=lambda variable: KEY, cache=cache_folder())
        run = Run(book, backend, lambda _: backend, Limits(steps=CALLS), pause_on_fault=False, schedule=SWIFT)
        try:
            async with asyncio.timeout(60):
                return await run.work(), run.failure, record
        finally:
            await book.close()


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_short_book_is_written_or_it_is_said_why_not(window: int, tmp_path: Path) -> None:
    code, failure, record = await written(SHORT, window, tmp_path)
    assert (record.overflows, record.wrong) == ([], [])
    assert len(record.seen) <= CALLS
    if code == FAILED:
        assert f"holds {window:,} tokens" in failure and window < 3_600
        assert record.seen == []
    else:
        assert (code, failure) == (FINISHED, "")
        texts = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "salt").glob("chapter_*.md")}
        assert sorted(texts) == [SHORT.file(chapter) for chapter in range(1, SHORT.chapters + 1)]
        for chapter in range(1, SHORT.chapters + 1):
            for scene in range(1, SHORT.scenes + 1):
                text = texts[SHORT.file(chapter)]
                assert [one for one in SHORT.scene_sentences(chapter, scene) if one[:-1] not in text] == []


@pytest.mark.parametrize("thought", [700, 1_700])
async def test_a_model_that_thinks_long_is_made_room_for(thought: int, tmp_path: Path) -> None:
    """A thought of 2,500 tokens ends with a window of 8,192 that is but two thirds full, and again at the next try."""
    novel = Novel(chapters=2, scenes=3, sentences=16, short=3, thought=thought)
    code, failure, record = await written(novel, 8_192, tmp_path)
    assert (code, failure, record.overflows, record.wrong) == (FINISHED, "", [], [])
    assert len(record.seen) <= 2 * len(novel.acts)


async def test_a_window_too_small_for_a_book_is_said_before_any_call(stage: Stage) -> None:
    for _ in range(2):  # begun, and gone on with
        book = await stage.play(writes(), context=2_500)
        assert (book.code, book.requests, book.kinds[-2:]) == (FAILED, [], ["backend_fault", "run_failed"])
        assert "holds 2,500 tokens" in book.failure and f"needs {ROOM:,}" in book.failure
        assert book.failure.count(". ") == 0 and "--context" in book.failure
    book = await stage.play(writes(), context=8_192)
    assert book.code == FINISHED


async def test_a_window_that_turns_out_too_small_is_said_and_no_more_calls_are_made(stage: Stage) -> None:
    said = Wire.error(400, "This model's maximum context length is 2600 tokens.")
    book = await stage.play(writes(CHAPTER * 20), writes(CHAPTER, TWO, id="x"), said, writes(id="y"), context=32_768)
    assert book.code == FAILED and "2,600" in book.failure
    assert len(book.requests) == 3 and set(book.files) == {"chapter_01.md", "chapter_02.md"}

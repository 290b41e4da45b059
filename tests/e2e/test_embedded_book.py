"""The embedded model for real, from the command line: a whole book with its reviews. Needs xllamacpp and the weights.

`STUDIO_THOROUGH=1` writes ten chapters, a few minutes' work; without it one short chapter and its second look.
"""

import asyncio
import importlib.util
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from live_run import LiveRun
from studio_command import StudioCommand, events_of

from studio.backends.weights import fetch_default
from studio.book.journal import Journal
from studio.book.words import count_words
from studio.config import cache_folder
from studio.errors import BackendError
from studio.events import encode

THOROUGH = os.environ.get("STUDIO_THOROUGH", "") not in ("", "0")


@pytest.fixture(scope="module", autouse=True)
def weights() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed: pip install 'studio[embedded]'")
    try:
        asyncio.run(fetch_default(cache_folder(), lambda text, done: None))
    except BackendError as error:
        pytest.skip(str(error))


def test_a_short_book_is_written_and_read_though_it_is_killed_in_its_review(
    studio: StudioCommand, live: Callable[..., LiveRun]
) -> None:
    run = live("new", "A sea story in one chapter", "--name", "sea")
    run.until("tool_started", name="review_chapter", within=240)
    run.kill()
    done = studio.run("resume", "sea", "--headless", "--json", timeout=240)
    assert done.returncode == 0, done.stderr
    # What was recorded in the moment of the kill was not always said any more.
    events = [json.loads(encode(event)) for event in Journal.open_readonly(studio.projects / "sea").read()]
    _assert_read(events, studio.files("sea"), 1)
    # Each call is carried out once, and a second look is taken after a revision alone.
    made = [event["name"] for event in events if event["event"] == "tool_finished"]
    assert made[:4] == ["create_project", "write_file", "write_file", "write_file"] and made[-1] == "finish"
    rest = made[made.index("review_chapter") : -1]
    assert rest in (["review_chapter"], ["review_chapter", "edit_file", "review_chapter"])
    assert all(event["context_tokens"] < 4_096 for event in events if event["event"] == "step_finished")


@pytest.mark.skipif(not THOROUGH, reason="STUDIO_THOROUGH=1 writes ten chapters")
def test_the_embedded_model_writes_ten_chapters_that_are_ten(studio: StudioCommand) -> None:
    done = studio.run("new", "A sea story in ten chapters", "--name", "sea", "--headless", "--json", timeout=1_800)
    assert done.returncode == 0, done.stderr
    files = studio.files("sea")
    events = events_of(done.stdout)
    _assert_read(events, files, 10)
    chapters = [files[f"chapter_{number:02}.md"] for number in range(1, 11)]
    openings = [" ".join(text.partition("\n\n")[2].split()[:5]) for text in chapters]
    assert len(set(openings)) == 10, openings
    hero = files["bible/characters.md"].partition("- ")[2].replace(" (", ":").partition(":")[0].split()[0]
    assert all(hero in text for text in chapters), hero
    # It says a thing again at times; a book of loops says most things again.
    last = {event["file"]: event["scores"]["voice"] for event in events if event["event"] == "chapter_reviewed"}
    assert sum(last.values()) / 10 > 6, last


def _assert_read(events: list[dict[str, Any]], files: dict[str, str], chapters: int) -> None:
    """As many chapters as were asked for, each long enough, each reviewed, with a report."""
    names = [f"chapter_{number:02}.md" for number in range(1, chapters + 1)]
    assert [name for name in sorted(files) if name.startswith("chapter_")] == names
    rounds: dict[str, list[int]] = {}
    for event in events:
        if event["event"] == "chapter_reviewed":
            rounds.setdefault(event["file"], []).append(event["round"])
            assert files[event["report"]].startswith(f"# Review of {event['file']}")
            assert event["scores"].keys() == {"character", "voice", "expansion", "seamlessness"}
    assert sorted(rounds) == names and all(one in ([1], [1, 2]) for one in rounds.values()), rounds
    for name in names:
        assert count_words(files[name]) > 100, files[name]

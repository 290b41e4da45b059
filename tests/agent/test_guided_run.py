"""Guided mode as a whole: the order of the work, the review of each chapter, and that nothing of it hangs on memory."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from loopback import Request
from played_book import KEY, SWIFT, Played, Stage
from small_model import HERO, SmallModel, prose, sentence

from studio import events as ev
from studio.agent.limits.allowance import Limits
from studio.agent.open_book import OpenBook
from studio.agent.run import Run
from studio.backends.backend import BackendChoice
from studio.backends.catalog import open_backend
from studio.book import layout
from studio.book.journal import Journal
from studio.config import cache_folder

WISH = "A sea story in three chapters"
ONE, TWO, THREE = "chapter_01.md", "chapter_02.md", "chapter_03.md"
TWICE = " ".join(sentence(f"twice.{number}") for number in range(9))
SPOKEN = "Mara heard the bell. Mara said “No, not now.” Mara said “Not again.” Mara said “Leave it be.” Mara said “Go.”"


async def write(stage: Stage, model: SmallModel, wish: str = WISH, **options: Any) -> Played:
    stage.model = model
    return await stage.play(guided=True, wish=wish, steps=60, **options)


def calls(book: Played) -> list[tuple[str, str]]:
    """(tool, file) of every call, in order."""
    made = [call for event in book.of(ev.ReplyFinished) for call in event.tool_calls]
    return [(call.name, json.loads(call.arguments).get("filename", "")) for call in made]


def answers(book: Played, tool: str) -> list[str]:
    return [event.result for event in book.of(ev.ToolFinished) if event.name == tool]


def repeating(number: int, begun: str) -> str:
    """The second chapter says a long passage twice; asked for other words it has some."""
    if number != 2 or len(begun) > 100:
        return " " + prose(f"chapter {number}, after {len(begun)}")
    return f" {prose('second')}\n\n{TWICE}\n\n{prose('second, on', 6)}\n\n{TWICE}\n\n{prose('second, end', 6)}"


def worsening(number: int, begun: str) -> str:
    """The first chapter has all its talk in one passage; the words that come instead of it have none."""
    bare = " ".join(sentence(f"{number}.{len(begun)}.{n}") for n in range(26))
    if len(begun) > 100:
        return bare[:200]
    return f" {bare}\n\n{SPOKEN}" if number == 1 else " " + prose(f"chapter {number}")


# --- the order ----------------------------------------------------------------------------------------------------


async def test_every_chapter_is_read_once_it_is_written_and_before_the_next(stage: Stage) -> None:
    book = await write(stage, SmallModel())
    assert (book.code, book.failure) == (0, "")
    assert calls(book) == [
        ("create_project", ""),
        ("write_file", "outline.md"),
        ("write_file", "bible/characters.md"),
        ("write_file", ONE),
        ("review_chapter", ONE),
        ("write_file", TWO),
        ("review_chapter", TWO),
        ("write_file", THREE),
        ("review_chapter", THREE),
        ("finish", ""),
    ]
    assert [(one.file, one.round) for one in book.of(ev.ChapterReviewed)] == [(ONE, 1), (TWO, 1), (THREE, 1)]
    assert "Look at chapter_0" in answers(book, "finish")[0]


async def test_the_hero_of_the_bible_is_in_the_first_words_of_every_chapter(stage: Stage) -> None:
    model = SmallModel()
    book = await write(stage, model)
    assert HERO in book.files["bible/characters.md"].decode()
    begun = [asked.begun for asked in model.of("chapter")]
    assert begun[0].count(HERO) == 1 and all("Mara" in one for one in begun) and len(set(begun)) == 3
    # What the assistant was made to begin with stands in the chapter once, however the server repeats it.
    for number, words in enumerate(begun, 1):
        text = book.files[f"chapter_{number:02}.md"].decode()
        assert text.count(words) == 1 and words in text.splitlines()[2]
        assert book.prose(f"chapter_{number:02}.md").count(words) == 1


async def test_the_people_of_the_author_are_taken_as_they_are(stage: Stage, tmp_path: Path) -> None:
    root = layout.create_book(tmp_path, WISH, "tide")
    (root / "bible").mkdir()
    (root / "bible/characters.md").write_text("# People\n\n- **Ada Moreau** (she), a pilot.\n- Tomas, her brother.\n")
    model = SmallModel()
    book = await write(stage, model)
    assert model.of("hero") == [] and "Ada Moreau" in model.of("chapter")[0].begun
    assert ("write_file", "bible/characters.md") not in calls(book)


async def test_a_chapter_is_gone_on_with_until_it_is_as_long_as_was_asked(stage: Stage, tmp_path: Path) -> None:
    root = layout.create_book(tmp_path, "A sea story in one chapter", "tide")
    layout.update_settings(root, words_per_chapter="600-700")
    model = SmallModel(lambda number, begun: " " + prose(f"after {len(begun)}", 16))
    book = await write(stage, model)
    (review,) = book.of(ev.ChapterReviewed)
    assert review.scores["expansion"] == 10
    assert 600 <= len(book.files[ONE].split()) < 1_000
    # It goes on from all there is: the same request, and the assistant's words so far.
    first, second, *_ = model.of("chapter")
    assert first.said == second.said and second.begun.strip() in book.files[ONE].decode()


async def test_a_model_of_few_words_is_not_asked_for_ever(stage: Stage) -> None:
    model = SmallModel(lambda number, begun: f" {sentence(f'{number}.{len(begun)}')}")
    book = await write(stage, model)
    assert book.code == 0
    assert calls(book).count(("write_file", ONE)) == 5
    # Once more, and no oftener, when it was read.
    assert calls(book).count(("edit_file", ONE)) == 1


# --- the review ---------------------------------------------------------------------------------------------------


async def test_a_repeated_passage_is_rewritten_and_the_chapter_read_again(stage: Stage) -> None:
    book = await write(stage, SmallModel(repeating))
    assert book.code == 0
    second = [name for name, file in calls(book) if file == TWO]
    assert second == ["write_file", "review_chapter", "edit_file", "review_chapter"]
    assert book.files[TWO].decode().count(TWICE) == 1
    one, two = [review for review in book.of(ev.ChapterReviewed) if review.file == TWO]
    assert (one.round, two.round) == (1, 2) and two.scores["voice"] > one.scores["voice"]
    report = book.files["notes/reviews/chapter_02-1.md"].decode()
    assert "Counted by the studio" in report and "Not judged: setting, stakes" in report
    assert "Retold by the model: In this chapter Mara hauls a bell out of the sea" in report
    assert "stands elsewhere word for word" in report


async def test_the_first_words_of_a_chapter_are_rewritten_with_the_heros_name(stage: Stage) -> None:
    asked = []

    def words(number: int, begun: str) -> str:
        asked.append(begun)
        if number != 2 or asked.count(begun) > 1:
            return f" {sentence('other')}" if number == 2 else f" {prose(f'chapter {number}')}"
        return " rowed. " + " ".join(f"He {sentence(f'he {n}').lower()}" for n in range(8)) + f"\n\n{prose('second')}"

    book = await write(stage, SmallModel(words))
    assert book.code == 0
    assert calls(book).count(("edit_file", TWO)) == 1
    text = book.files[TWO].decode()
    assert sentence("other") in text and "Mara" in text.splitlines()[2] and sentence("he 3").lower() not in text


async def test_a_revision_that_scores_lower_is_undone_and_the_scores_told(stage: Stage) -> None:
    book = await write(stage, SmallModel(worsening))
    assert book.code == 0
    assert calls(book).count(("edit_file", ONE)) == 1
    first, second, *_ = answers(book, "review_chapter")
    assert "round 1 of 2" in first and "below round 1" in second and "your revision was undone" in second
    assert SPOKEN in book.files[ONE].decode()


@pytest.mark.parametrize(("rounds", "reviews", "edits"), [(0, 0, 0), (1, 1, 0), (2, 2, 1)])
async def test_the_author_sets_how_often_a_chapter_is_read(
    stage: Stage, tmp_path: Path, rounds: int, reviews: int, edits: int
) -> None:
    root = layout.create_book(tmp_path, WISH, "tide")
    layout.update_settings(root, review_rounds=rounds)
    book = await write(stage, SmallModel(repeating))
    assert book.code == 0
    assert calls(book).count(("review_chapter", TWO)) == reviews
    assert calls(book).count(("edit_file", TWO)) == edits


# --- the author ---------------------------------------------------------------------------------------------------


async def test_a_locked_chapter_is_neither_read_nor_mended(stage: Stage, tmp_path: Path) -> None:
    root = layout.create_book(tmp_path, WISH, "tide")
    layout.update_settings(root, locked=[TWO])
    mine = f"# Mine\n\n{TWICE}\n\n{TWICE}\n"
    (root / TWO).write_text(mine)
    book = await write(stage, SmallModel())
    assert book.code == 0
    assert book.files[TWO].decode() == mine
    assert TWO not in [file for _, file in calls(book)] and ("write_file", THREE) in calls(book)


async def test_a_chapter_of_the_authors_is_not_mended(stage: Stage, tmp_path: Path) -> None:
    root = layout.create_book(tmp_path, WISH, "tide")
    mine = f"# Mine\n\n{TWICE}\n\n{TWICE}\n"
    (root / ONE).write_text(mine)
    book = await write(stage, SmallModel())
    assert book.code == 0
    assert book.files[ONE].decode() == mine and ONE not in [file for _, file in calls(book)]


@pytest.mark.parametrize("file", [ONE, TWO, "bible/characters.md"])
async def test_a_file_that_is_no_utf8_is_left_alone_and_the_book_is_written(
    stage: Stage, tmp_path: Path, file: str
) -> None:
    """An author saves from an editor that writes Latin-1."""
    path, latin = tmp_path / "tide" / file, "# Märchen\n".encode("latin-1")

    def save(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.StepFinished) and event.step == 3:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(latin)

    book = await write(stage, SmallModel(), author=save)
    assert book.code == 0, [event.error for event in book.of(ev.RunFailed)]
    assert book.files[file] == latin
    assert ("write_file", THREE) in calls(book)


async def test_words_the_author_put_in_are_not_taken_for_a_fault(stage: Stage, tmp_path: Path) -> None:
    """The author says a thing twice, in a chapter that is about to be read: that is the author's to do."""

    def save(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.ToolFinished) and event.name == "write_file" and ONE in event.result:
            path = tmp_path / "tide" / ONE
            path.write_text(f"{path.read_text()}\n{TWICE}\n\n{TWICE}\n")

    book = await write(stage, SmallModel(), author=save)
    assert book.code == 0
    assert book.files[ONE].decode().count(TWICE) == 2
    assert [file for name, file in calls(book) if name == "edit_file"] == []
    assert book.of(ev.ChapterReviewed)[0].scores["voice"] < 10


async def test_an_edit_of_the_passage_that_is_being_rewritten_wins(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "tide" / TWO
    ours = TWICE.replace(sentence("twice.4"), "That was the author's.")
    model = SmallModel(repeating)

    def answer(request: Request) -> Any:
        reply = model(request)
        asked = model.asked[-1]
        if asked.what == "chapter" and asked.chapter == 2 and len(asked.begun) > 100:
            before, _, after = path.read_text().rpartition(TWICE)
            path.write_text(before + ours + after)
        return reply

    stage.model = answer
    book = await stage.play(guided=True, wish=WISH, steps=60)
    assert book.code == 0
    assert ours in book.files[TWO].decode()
    assert [event.ok for event in book.of(ev.ToolFinished) if event.name == "edit_file"] == [False]
    assert calls(book).count(("edit_file", TWO)) == 1 and ("write_file", THREE) in calls(book)


# --- crashes ------------------------------------------------------------------------------------------------------


async def test_after_a_crash_at_any_event_the_work_goes_on_at_the_same_call(tmp_path: Path) -> None:
    """The folder is copied as it lies on disk at every event from the first review on; each copy is gone on with."""
    model = SmallModel(worsening)
    stage = Stage(tmp_path / "whole")
    await stage.start()
    stage.model = model
    root = layout.create_book(tmp_path / "whole", "A sea story in two chapters", "tide")
    book = OpenBook.open(root)
    copies: list[tuple[str, Path]] = []
    is_open = False

    def copy(event: ev.Event) -> None:
        nonlocal is_open
        if isinstance(event, ev.ToolStarted):
            is_open = is_open or event.name == "review_chapter"
        if is_open and len(copies) < 60 and not isinstance(event, ev.DELTAS):
            to = tmp_path / f"copy{len(copies):02}" / "tide"
            shutil.copytree(root, to)
            copies.append((str(event.__struct_config__.tag), to))

    book.journal.on_committed(copy)
    backend: Any = open_backend(
        BackendChoice(backend="openai", model="m", base_url=stage._server.url, context=100_000),
        key_of=lambda variable: KEY,
        cache=cache_folder(),
    )
    backend.guided = True
    async with asyncio.timeout(60):
        assert await Run(book, backend, lambda choice: backend, Limits(steps=60), schedule=SWIFT).work() == 0
    await book.close()
    await stage.stop()
    whole = _story(root)
    assert [one for one in whole if one[1] == ONE][:4] == [
        ("write_file", ONE),
        ("review_chapter", ONE),
        ("edit_file", ONE),
        ("review_chapter", ONE),
    ]
    assert {"chapter_reviewed", "write_intended", "reply_finished", "tool_finished"} <= {kind for kind, _ in copies}
    for number, (kind, copied) in enumerate(copies):
        again = Stage(copied.parent)
        await again.start()
        again.model = SmallModel(worsening)
        played = await again.play(guided=True, steps=60)
        await again.stop()
        assert played.code == 0, (number, kind, played.failure)
        assert _story(copied) == whole, (number, kind)
        assert played.files[ONE] == (root / ONE).read_bytes(), (number, kind)
        assert played.files[TWO] == (root / TWO).read_bytes(), (number, kind)


async def test_the_replies_a_chapter_may_take_are_counted_over_a_crash(stage: Stage) -> None:
    model = SmallModel(lambda number, begun: f" {sentence(f'{number}.{len(begun)}')}")

    def stop(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.StepFinished) and event.step == 6:
            run.stop()

    first = await write(stage, model, author=stop)
    assert calls(first).count(("write_file", ONE)) == 3
    second = await write(stage, model)
    assert calls(second).count(("write_file", ONE)) == 2


def _story(root: Path) -> list[tuple[str, str]]:
    """Every call of a book, with what was told of it."""
    events = list(Journal.open_readonly(root).read())
    made = [call for event in events if isinstance(event, ev.ReplyFinished) for call in event.tool_calls]
    done = [event.name for event in events if isinstance(event, ev.ToolFinished)]
    assert done == [call.name for call in made], "each call is carried out once"
    return [(call.name, json.loads(call.arguments).get("filename", "")) for call in made]

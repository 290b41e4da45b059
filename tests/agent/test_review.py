"""A review is paid for once, a revision that made a chapter worse is undone once, and never over the author's words."""

import asyncio
import shutil
from pathlib import Path

import pytest
from loopback import Answer, Request, Wire
from played_book import FINISH, KEY, ONE, SWIFT, Played, Stage, calls, writes

from studio import events as ev
from studio.agent.limits.allowance import Limits
from studio.agent.open_book import OpenBook
from studio.agent.prompts import rubric
from studio.agent.run import Run
from studio.backends.backend import BackendChoice
from studio.backends.catalog import open_backend
from studio.book import layout
from studio.book.journal import Journal
from studio.config import cache_folder

GOOD = "# Ebb\n\nThe tide went out. “It won't come back,” said Élodie.\n\nMara lit the lamp and waited.\n"
WORSE = GOOD.replace("Mara lit the lamp and waited.", "Mara lit the lamp. She was not sad but hollow.")
BETTER = GOOD.replace("and waited", "and counted to thirty-one")
REVIEW = calls("review_chapter", "review", filename=ONE)
OUTLINE = "# Outline\n\n1. Ebb (20 words)\n"


def critique(score: float, passage: str = "The tide went out.") -> str:
    lines = [f"{name}: {score:g} — «{passage}» — it does" for name in rubric()]
    return "\n".join([*lines, "", "Changes:", "1. Cut the lamp.", "2. Let Mara answer.", "3. End sooner.", "4. More."])


def revision(before: str, after: str) -> Answer:
    return calls("edit_file", "edit", filename=ONE, old_text=before, new_text=after)


TO_WORSE = revision("Mara lit the lamp and waited.", "Mara lit the lamp. She was not sad but hollow.")


def answers(book: Played) -> list[str]:
    return [event.result for event in book.of(ev.ToolFinished) if event.name == "review_chapter"]


def read_by(book: Played) -> list[str]:
    """What the reader was shown, each time."""
    return [
        "\n".join(str(message["content"]) for message in body["messages"])
        for body in book.bodies
        if "tools" not in body and "editor reading one chapter" in str(body["messages"][0]["content"])
    ]


async def test_a_review_scores_quotes_and_is_kept_as_a_file(stage: Stage) -> None:
    book = await stage.play(
        writes(OUTLINE, "outline.md"),
        writes("# People\n\nMara, thirty-one.\n", "bible/people.md"),
        writes("# Before\n\nThe quay lay empty at last.\n", "chapter_00.md"),
        writes(GOOD),
        REVIEW,
        Wire.reply(critique(6.5)),
    )
    assert book.code == 0
    (answer,) = answers(book)
    assert answer.startswith("chapter_01.md, round 1 of 2: 6.5 of 10 (character 6.5, setting 6.5,")
    assert "1. Cut the lamp.\n2. Let Mara answer.\n3. End sooner.\n" in answer and "4. More." not in answer
    assert "by edit_file" in answer and "1 round is left" in answer
    (reviewed,) = book.of(ev.ChapterReviewed)
    assert (reviewed.file, reviewed.round, reviewed.report) == (ONE, 1, "notes/reviews/chapter_01-1.md")
    assert reviewed.scores == dict.fromkeys(rubric(), 6.5)
    kept = book.files["notes/reviews/chapter_01-1.md"].decode()
    assert "- pacing: 6.5 — «The tide went out.» — it does" in kept and "4. More." in kept
    # It is versioned, and no news of the author's.
    assert [one.file for one in book.of(ev.FileWritten)][-1] == "notes/reviews/chapter_01-1.md"
    assert book.of(ev.AuthorEdited) == []
    # Fresh eyes: everything there is to know of the book, nothing of the conversation.
    (shown,) = read_by(book)
    for words in (
        "1. Ebb (20 words)",
        "Mara, thirty-one.",
        "The quay lay empty at last.",
        GOOD.strip(),
        *rubric().values(),
    ):
        assert words in shown
    assert "A book about the tide" not in shown and "write_file" not in shown


async def test_a_revision_that_scores_lower_is_undone_and_the_agent_told(stage: Stage) -> None:
    book = await stage.play(
        writes(GOOD), REVIEW, Wire.reply(critique(6.5)), TO_WORSE, REVIEW, Wire.reply(critique(5.5)), REVIEW
    )
    assert book.code == 0
    assert book.files[ONE] == GOOD.encode()
    _, second, third = answers(book)
    assert "1.0 below round 1 (6.5): your revision was undone" in second and "the last round" in second
    assert "no further review: chapter_01.md was read 2 times" in third and "review_rounds" in third
    assert len(read_by(book)) == 2
    assert [name for name in book.files if name.startswith("notes/")] == [
        "notes/reviews/chapter_01-1.md",
        "notes/reviews/chapter_01-2.md",
    ]


@pytest.mark.parametrize(("after", "second"), [(WORSE, 6.0), (BETTER, 8.0)])
async def test_a_revision_that_scores_as_well_stays(stage: Stage, after: str, second: float) -> None:
    before, now = "Mara lit the lamp and waited.", after.splitlines()[-1]
    book = await stage.play(
        writes(GOOD), REVIEW, Wire.reply(critique(6.5)), revision(before, now), REVIEW, Wire.reply(critique(second))
    )
    assert book.files[ONE] == after.encode()
    assert "undone" not in answers(book)[1].partition("\n")[2]


async def test_what_the_author_changed_is_not_undone(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "tide" / ONE
    script = [writes(GOOD), REVIEW, Wire.reply(critique(7)), TO_WORSE, REVIEW, Wire.reply(critique(4)), FINISH]

    def model(request: Request) -> Answer:
        if len(script) == 3:  # as the second review is asked for
            file.write_text(file.read_text().replace("The tide went out.", "The tide went out early."))
        return script.pop(0)

    stage.model = model
    book = await stage.play()
    assert book.files[ONE].decode() == WORSE.replace("went out.", "went out early.")
    assert "the author has edited the chapter since, so it stays" in answers(book)[1]


async def test_an_edit_in_the_moment_of_the_undo_is_kept(stage: Stage, tmp_path: Path) -> None:
    """The author saves while the reader reads the second time: nothing of the author's goes."""
    file = tmp_path / "tide" / ONE
    script = [writes(GOOD), REVIEW, Wire.reply(critique(7)), TO_WORSE, REVIEW, Wire.reply(critique(4)), FINISH]

    def model(request: Request) -> Answer:
        if len(script) == 2:  # as the reader is about to answer
            file.write_text(WORSE.replace("# Ebb", "# Ebbing"))
        return script.pop(0)

    stage.model = model
    book = await stage.play()
    assert book.files[ONE].decode() == WORSE.replace("# Ebb", "# Ebbing")
    assert "so it stays" in answers(book)[1]


async def test_a_locked_chapter_is_not_put_back(stage: Stage, tmp_path: Path) -> None:
    script = [writes(GOOD), REVIEW, Wire.reply(critique(7)), TO_WORSE, REVIEW, Wire.reply(critique(4)), FINISH]

    def model(request: Request) -> Answer:
        if len(script) == 2:
            layout.update_settings(tmp_path / "tide", locked=[ONE])
        return script.pop(0)

    stage.model = model
    book = await stage.play()
    assert book.files[ONE] == WORSE.encode()
    assert "could not be undone" in answers(book)[1]


async def test_only_scores_with_a_passage_count(stage: Stage) -> None:
    wrong = critique(9, passage="words that stand nowhere in it")
    book = await stage.play(writes(GOOD), REVIEW, Wire.reply(wrong))
    assert book.of(ev.ChapterReviewed)[0].scores == {}
    assert "no score counts" in answers(book)[0] and "character unsupported" in answers(book)[0]


async def test_a_review_without_scores_is_passed_on_in_its_own_words(stage: Stage) -> None:
    book = await stage.play(writes(GOOD), REVIEW, Wire.reply("It reads well, but the lamp sags."))
    assert "It reads well, but the lamp sags." in answers(book)[0]
    assert b"but the lamp sags" in book.files["notes/reviews/chapter_01-1.md"]


async def test_what_has_not_changed_is_not_read_again_nor_what_is_no_chapter(stage: Stage) -> None:
    book = await stage.play(
        writes(OUTLINE, "outline.md"),
        calls("review_chapter", "a", filename="outline"),
        writes(GOOD),
        REVIEW,
        Wire.reply(critique(6)),
        REVIEW,
    )
    assert "is no chapter" in answers(book)[0]
    assert "has not changed since round 1" in answers(book)[2]
    assert len(read_by(book)) == 1


async def test_the_author_sets_the_rounds_at_any_time(stage: Stage, tmp_path: Path) -> None:
    layout.create_book(tmp_path, "A book about the tide", "tide")
    layout.update_settings(tmp_path / "tide", review_rounds=0)
    script = [writes(GOOD), REVIEW, REVIEW, Wire.reply(critique(6)), REVIEW, FINISH]

    def model(request: Request) -> Answer:
        if len(script) == 4:
            layout.update_settings(tmp_path / "tide", review_rounds=1)
        return script.pop(0)

    stage.model = model
    none, one, another = answers(await stage.play())
    assert "no chapter is reviewed, and this book allows 0 rounds" in none
    assert "round 1 of 1: 6.0 of 10" in one and "the last round" in one
    assert "was read once" in another


async def test_a_name_the_author_uses_is_left_alone(stage: Stage, tmp_path: Path) -> None:
    layout.create_book(tmp_path, "A book about the tide", "tide")
    mine = tmp_path / "tide" / "notes/reviews/chapter_01-1.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("Mine.\n")
    book = await stage.play(writes(GOOD), REVIEW, Wire.reply(critique(6)))
    assert mine.read_text() == "Mine.\n"
    assert book.of(ev.ChapterReviewed)[0].report == "notes/reviews/chapter_01-2.md"
    assert "notes/reviews/chapter_01-2.md" in book.files


async def test_a_small_window_is_never_overrun(stage: Stage, tmp_path: Path) -> None:
    long = "# Ebb\n\nThe tide went out.\n\n" + "The sea lay flat as slate between the piles of the quay. " * 250
    layout.create_book(tmp_path, "A book about the tide", "tide")
    (tmp_path / "tide" / "chapter_02.md").write_text(long * 4)
    book = await stage.play(
        writes("# Outline\n\n" + "It goes on and on in the plan of the book. " * 500, "outline.md"),
        calls("compress_context", "c"),
        writes(long),
        REVIEW,
        Wire.reply(critique(6)),
        calls("compress_context", "d"),
        calls("review_chapter", "r", filename="chapter_02.md"),
        context=16_000,
    )
    assert book.code == 0
    assert "6.0 of 10" in answers(book)[0]
    assert "too long to be reviewed in this model's window" in answers(book)[1]
    (shown,) = read_by(book)
    assert long.strip() in shown


# --- crashes ------------------------------------------------------------------------------------------------------


async def test_after_a_crash_at_any_event_no_review_is_paid_for_twice(tmp_path: Path) -> None:
    """The folder is copied as it lies on disk at every event of the second review; each copy is gone on with."""
    script = [writes(GOOD), REVIEW, Wire.reply(critique(6.5)), TO_WORSE, REVIEW, Wire.reply(critique(5.5))]
    stage = Stage(tmp_path / "whole")
    await stage.start()
    root = layout.create_book(tmp_path / "whole", "A book about the tide", "tide")
    copies: list[tuple[str, Path]] = []
    book = OpenBook.open(root)
    reviews = 0

    def copy(event: ev.Event) -> None:
        nonlocal reviews
        reviews += isinstance(event, ev.ToolStarted) and event.name == "review_chapter"
        if reviews == 2:
            to = tmp_path / f"copy{len(copies):02}" / "tide"
            shutil.copytree(root, to)
            copies.append((str(event.__struct_config__.tag), to))

    book.journal.on_committed(copy)
    stage.model = lambda request: script.pop(0) if script else FINISH
    backend = open_backend(
        BackendChoice(backend="openai", model="m", base_url=stage._server.url, context=100_000),
        key_of=lambda variable: KEY,
        cache=cache_folder(),
    )
    async with asyncio.timeout(30):
        assert await Run(book, backend, lambda choice: backend, Limits(steps=12), schedule=SWIFT).work() == 0
    await book.close()
    await stage.stop()
    assert {"chapter_reviewed", "write_intended", "file_written", "tool_finished"} <= {kind for kind, _ in copies}
    states = set()
    for number, (kind, copied) in enumerate(copies):
        before = list(Journal.open_readonly(copied).read())
        is_paid = sum(isinstance(event, ev.ChapterReviewed) for event in before) == 2
        states.add((is_paid, sum(isinstance(event, ev.FileWritten) for event in before)))
        again = Stage(copied.parent)
        await again.start()
        played = await again.play(*([] if is_paid else [Wire.reply(critique(5.5))]))
        await again.stop()
        assert played.code == 0, (number, kind, played.failure)
        assert len(read_by(played)) == (not is_paid), (number, kind)
        assert played.files[ONE] == GOOD.encode(), (number, kind)
        events = list(Journal.open_readonly(copied).read())
        assert [event.round for event in events if isinstance(event, ev.ChapterReviewed)] == [1, 2], (number, kind)
        written = [event.file for event in events if isinstance(event, ev.FileWritten)]
        assert written == [ONE, "notes/reviews/chapter_01-1.md", ONE, "notes/reviews/chapter_01-2.md", ONE], (
            number,
            kind,
        )
        assert [event for event in events if isinstance(event, ev.AuthorEdited)] == [], (number, kind)
        second = [event.result for event in events if isinstance(event, ev.ToolFinished)][3]
        assert "your revision was undone" in second, (number, kind)
    assert {(False, 3), (True, 3), (True, 4), (True, 5)} <= states, states

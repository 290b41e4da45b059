"""A book whose plan is not done is not finished by a word; the second one is taken."""

from played_book import FINISH, Stage, writes

from studio import events as ev

OUTLINE = "# Salt\n\n## Chapters\n1. Ebb\n2. Flow\n3. Slack\n"


async def test_finish_is_answered_once_with_what_is_missing(stage: Stage) -> None:
    book = await stage.play(writes(OUTLINE, "outline.md"), writes(), FINISH, FINISH)
    assert (book.code, book.tools[2:]) == (0, [("finish", False), ("finish", True)])
    told = book.sent(3)[-1]["content"]
    assert "of the 3 chapters planned, 2-3 have no file yet" in told and "chapter 2" in told


async def test_whoever_then_writes_a_chapter_is_told_of_the_rest(stage: Stage) -> None:
    two = writes("# Flow\n\nIt came.\n", "chapter_02.md")
    book = await stage.play(writes(OUTLINE, "outline.md"), writes(), FINISH, two, FINISH, FINISH)
    assert [ok for name, ok in book.tools if name == "finish"] == [False, False, True]


async def test_that_it_was_told_outlives_the_studio(stage: Stage) -> None:
    await stage.play(writes(OUTLINE, "outline.md"), writes(), FINISH, steps=3)
    book = await stage.play(FINISH)
    assert (book.code, book.tools) == (0, [("finish", True)])


async def test_a_whole_book_is_finished_at_once_and_the_forecast_knew_the_plan(stage: Stage) -> None:
    parts = [writes("# C\n\nWords.\n", f"chapter_{number:02}.md") for number in (1, 2, 3)]
    book = await stage.play(writes(OUTLINE, "outline.md"), *parts)
    assert (book.code, book.tools[-1]) == (0, ("finish", True))
    assert {step.planned for step in book.of(ev.StepFinished)} == {3}

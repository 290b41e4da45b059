"""A write answers how long the chapter is and how long it was planned; a short one is asked to grow, once."""

from pathlib import Path

from played_book import ONE, TWO, Played, Stage, calls, writes

from studio import events as ev
from studio.agent.prompts import prompt
from studio.book import layout
from studio.book.outline import chapters

OUTLINE = "# Outline\n\n## Chapter 1: Ebb\nTarget: 100-150 words\n\n## Chapter 2: Flow\n"
ASKED = "You are asked this once."


def prose(words: int, heading: str = "Ebb") -> str:
    return f"# {heading}\n\n" + " ".join(["wave"] * (words - 1)) + "\n"


def answers(book: Played) -> list[str]:
    return [event.result for event in book.of(ev.ToolFinished) if event.name in ("write_file", "edit_file")]


async def test_a_write_says_what_the_outline_asks(stage: Stage) -> None:
    book = await stage.play(writes(OUTLINE, "outline.md"), writes(prose(120)), writes(prose(9, "Flow"), TWO))
    assert answers(book) == [
        "wrote outline.md: 10 words.",
        "wrote chapter_01.md: 120 words; the outline asks 100-150.",
        "wrote chapter_02.md: 9 words.",  # nobody says how long
    ]


async def test_a_chapter_below_four_fifths_is_asked_to_grow_once(stage: Stage) -> None:
    book = await stage.play(
        writes(OUTLINE, "outline.md"),
        writes(prose(79)),
        writes("Another ten words of prose, of which there are few.\n", mode="append"),
        writes(prose(40), ONE, "overwrite"),
        calls("edit_file", "e", filename=ONE, old_text="# Ebb", new_text="# Ebbing"),
    )
    asked = [ASKED in answer for answer in answers(book)]
    assert asked == [False, True, False, False, False]
    assert answers(book)[1].startswith("wrote chapter_01.md: 79 words; the outline asks 100-150.\nThat is 79 % of")
    # What a resume would answer is what was answered.
    intended = {event.id: event.result for event in book.of(ev.WriteIntended)}
    assert list(intended.values()) == answers(book)


async def test_eighty_percent_is_enough_and_an_edit_never_asks(stage: Stage) -> None:
    book = await stage.play(
        writes(OUTLINE, "outline.md"),
        writes(prose(80)),
        calls("edit_file", "e", filename=ONE, old_text="# Ebb\n\nwave wave wave wave", new_text="# Ebb\n\n"),
    )
    assert answers(book)[2].startswith("edited chapter_01.md: 76 words; the outline asks 100-150.")
    assert not any(ASKED in answer for answer in answers(book))


async def test_it_is_not_asked_again_in_a_later_run(stage: Stage) -> None:
    await stage.play(writes(OUTLINE, "outline.md"), writes(prose(50)), steps=2)
    book = await stage.play(writes(prose(60), ONE, "overwrite"))
    assert answers(book) == ["rewrote chapter_01.md: 60 words; the outline asks 100-150."]


async def test_the_setting_of_the_book_stands_in_for_the_outline(stage: Stage, tmp_path: Path) -> None:
    layout.create_book(tmp_path, "A book about the tide", "tide")
    layout.update_settings(tmp_path / "tide", words_per_chapter="90-120")
    book = await stage.play(writes(OUTLINE, "outline.md"), writes(prose(120)), writes(prose(50, "Flow"), TWO))
    assert answers(book)[1].endswith("the outline asks 100-150.")
    assert answers(book)[2].startswith("wrote chapter_02.md: 50 words; the book asks 90-120.\nThat is 55 % of")


async def test_the_listing_shows_where_the_plan_stands(stage: Stage) -> None:
    outline = OUTLINE + "\n## Chapter 3: Neap (200 words)\n"
    book = await stage.play(writes(outline, "outline.md"), writes(prose(120)), calls("list_files", "l"))
    (listing,) = [event.result for event in book.of(ev.ToolFinished) if event.name == "list_files"]
    assert "chapter_01.md: 120 words, last touched by you; the outline asks 100-150; drafted\n" in listing
    assert listing.endswith("Planned and not written yet: 2 “Flow”; 3 “Neap” (200 words).")


def test_the_form_that_the_agent_is_asked_for_is_read_whole() -> None:
    (chapter,) = chapters(prompt("system"))
    assert (chapter.number, chapter.title, str(chapter.target), chapter.status) == (
        1,
        "Its title",
        "3,000-4,000",
        "planned",
    )
    assert chapter.cause.startswith("the cause in this chapter")

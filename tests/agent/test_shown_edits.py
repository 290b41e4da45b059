"""The edits of the author's after a compression: what was written stands word for word, the newest first."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from played_book import CHAPTER, ONE, Stage, calls, writes

from studio import events as ev
from studio.agent.memory.edits import sentences_there, shown_edits
from studio.agent.run import Run
from studio.book.merge import sentences


def tokens_of(text: str) -> int:
    return math.ceil(len(text) / 4)


def edit(number: int, sentences: int = 1, *, instead: str = "", file: str = "") -> ev.AuthorEdited:
    """A line of the diff is a paragraph, of which one sentence, or several, are the author's."""
    around = "The tide went out and nobody saw. " * 20
    new = " ".join(f"The author's {number}.{one} stands here." for one in range(sentences))
    diff = f"--- a\n+++ b\n@@ -1 +1 @@\n-{around}{instead}\n+{around}{new}"
    return ev.AuthorEdited(file=file or f"chapter_{number:02}.md", sha256="x", words=9, diff=diff, seq=number)


def test_an_edit_is_told_by_its_sentences_and_not_by_the_paragraph_around_them() -> None:
    shown = shown_edits([edit(1, instead="Old words."), edit(2, file="chapter_01.md"), edit(3)], 400, tokens_of)
    assert shown.splitlines() == [
        "chapter_01.md:",
        "- Old words.",
        "+ The author's 1.0 stands here.",
        "+ The author's 2.0 stands here.",
        "chapter_03.md:",
        "+ The author's 3.0 stands here.",
    ]


def test_what_was_taken_out_gives_way_before_what_was_written() -> None:
    edits = [edit(number, instead=f"What stood in the place of {number} was longer by far.") for number in range(8)]
    everything = shown_edits(edits, 10_000, tokens_of)
    assert [everything.count(f"in the place of {number} ") for number in range(8)] == [1] * 8
    shown = shown_edits(edits, 160, tokens_of)
    assert [shown.count(f"author's {number}.0 ") for number in range(8)] == [1] * 8
    assert "place of 7" in shown and "place of 0" not in shown


def test_the_newest_are_kept_and_the_oldest_are_named_with_how_to_read_them() -> None:
    shown = shown_edits([edit(number) for number in range(1, 30)], 150, tokens_of)
    assert "author's 29.0" in shown and "author's 1.0" not in shown
    assert "chapter_01.md (1)" in shown and "read_file gives them" in shown


def test_a_long_text_of_the_authors_leaves_room_for_the_short_ones() -> None:
    shown = shown_edits([edit(1), edit(2, 300), edit(3)], 200, tokens_of)
    assert "author's 1.0" in shown and "author's 3.0" in shown and "chapter_02.md (1)" in shown
    newest = shown_edits([edit(1), edit(2, 300)], 200, tokens_of)
    assert "author's 1.0" in newest and "author's 2.0" in newest and "and more; read_file" in newest


def test_a_file_that_was_removed_and_a_sentence_that_was_only_struck_are_said() -> None:
    gone = ev.AuthorEdited(file="a.md", sha256="", words=0, diff="-x", seq=1)
    struck = ev.AuthorEdited(file="b.md", sha256="x", words=1, diff="-One. Two.\n+One.", seq=2)
    assert shown_edits([gone, struck], 100, tokens_of).splitlines() == [
        "a.md:",
        "(the author removed the file)",
        "b.md:",
        "- Two.",
    ]


@given(sizes=st.lists(st.integers(0, 40), max_size=30), room=st.integers(0, 3_000))
def test_the_edits_keep_to_their_room(sizes: list[int], room: int) -> None:
    edits = [edit(number, size, instead="It was so.") for number, size in enumerate(sizes, 1)]
    shown = shown_edits(edits, room, tokens_of)
    names = tokens_of(shown.splitlines()[0]) if "read_file gives them" in shown else 0
    assert tokens_of(shown) <= room + names + 1
    if room > tokens_of("\n".join(one.diff for one in edits)):
        assert all(f"author's {number}.{size - 1} " in shown for number, size in enumerate(sizes, 1) if size)


def test_of_what_the_author_wrote_only_what_still_stands_is_named() -> None:
    written = {"a.md": dict.fromkeys(["One is here.", "Two is gone.", "Three is here."])}
    text = "# A\n\nOne is\nhere. And Three is here."
    assert sentences_there(written, "a.md", text, 100, tokens_of) == ["One is here.", "Three is here."]
    assert sentences_there(written, "a.md", text, 6, tokens_of) == ["Three is here."]
    assert sentences_there(written, "b.md", text, 100, tokens_of) == []


@pytest.mark.parametrize("is_compressed", [True, False])
async def test_a_file_that_is_read_names_the_authors_sentences_once_the_conversation_was_compressed(
    is_compressed: bool, stage: Stage
) -> None:
    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.StepFinished) and event.step == 1:
            path = stage.root / ONE
            path.write_text(path.read_text(encoding="utf-8") + "\nThe author wrote this.\n", encoding="utf-8")

    script = [writes(), calls("list_files", "l"), calls("read_file", "r", filename=ONE)]
    if is_compressed:
        script.insert(2, calls("compress_context", "c"))
    book = await stage.play(*script, author=author)
    [read] = [event.result for event in book.of(ev.ToolFinished) if event.name == "read_file"]
    assert read.startswith(CHAPTER) and "The author wrote this." in read
    assert ("sentences of it are the author's, and stay:]\n- The author wrote this." in read) == is_compressed
    assert [one for one in sentences(read) if "not in the file" in one.lower()] == [] or is_compressed

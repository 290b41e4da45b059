"""The agent's writes: what each mode does, what becomes of the author's changes, and that a call happens once."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.book.journal import sha256_of
from studio.book.manuscript import WriteRefused
from studio.errors import BookError

ONE = "# One\n\nThe lamp was lit. The door stood open. Mara waited.\n"
Until = Callable[..., Awaitable[None]]


async def test_create_writes_the_exact_bytes(book: Any, root: Path) -> None:
    text = "# Ö\r\n\r\n“Nothing — yet.” \t島 🌊\u2028end"
    written = await book.write("bible/people.md", text)
    assert (root / "bible/people.md").read_bytes() == text.encode()
    assert (written.sha256, written.merged, written.mode) == (sha256_of(text), False, "create")
    intent, done = book.named(ev.WriteIntended, ev.FileWritten)
    assert intent.seq < done.seq
    assert (done.id, done.sha256, done.words, intent.result) == ("1.0", sha256_of(text), 5, "5 words")


async def test_create_refuses_a_file_that_holds_words(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    with pytest.raises(WriteRefused, match=r"a\.md exists already with 11 words.*append.*overwrite.*edit_file"):
        await book.write("a.md", "other", id="2.0")
    assert (root / "a.md").read_text() == ONE


async def test_create_takes_the_place_of_a_blank_file(book: Any, root: Path) -> None:
    (root / "a.md").write_text("\n\n")
    await book.write("a.md", ONE)
    assert (root / "a.md").read_text() == ONE


async def test_append_adds_exactly_at_the_end(book: Any, root: Path) -> None:
    await book.write("a.md", "One. ")
    written = await book.write("a.md", " Two.", "append", id="2.0")
    assert (root / "a.md").read_text() == written.text == "One.  Two."


async def test_append_keeps_what_the_author_changed_before(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    (root / "a.md").write_text(ONE.replace("lit", "dark"))
    await book.write("a.md", "Night fell.\n", "append", id="2.0")
    assert (root / "a.md").read_text() == ONE.replace("lit", "dark") + "Night fell.\n"
    assert [event.file for event in book.named(ev.AuthorEdited)] == ["a.md"]


async def test_a_stale_overwrite_is_merged_with_the_authors_edit(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    (root / "a.md").write_text(ONE.replace("lamp was lit", "lamp was blown out"))
    written = await book.write("a.md", ONE.replace("stood open", "stood ajar"), "overwrite", id="2.0")
    wanted = ONE.replace("lamp was lit", "lamp was blown out").replace("stood open", "stood ajar")
    assert (root / "a.md").read_text() == written.text == wanted
    assert (written.merged, written.conflicts) == (True, ())
    assert "+The lamp was blown out." in book.named(ev.AuthorEdited)[0].diff


async def test_a_second_stale_overwrite_still_keeps_the_authors_edit(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    (root / "a.md").write_text(ONE.replace("lamp was lit", "lamp was blown out"))
    for number, door in enumerate(("ajar", "wide", "shut"), 2):
        await book.write("a.md", ONE.replace("open", door), "overwrite", id=f"{number}.0")
    assert (root / "a.md").read_text() == ONE.replace("lamp was lit", "lamp was blown out").replace("open", "shut")


async def test_author_wins_when_both_changed_a_sentence_and_the_agent_is_told(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    mine = ONE.replace("stood open", "was nailed shut")
    (root / "a.md").write_text(mine)
    written = await book.write("a.md", ONE.replace("stood open", "stood ajar"), "overwrite", id="2.0")
    assert (root / "a.md").read_text() == mine
    assert [conflict.agent for conflict in written.conflicts] == ["The door stood ajar. "]
    assert [(event.file, event.author) for event in book.named(ev.MergeConflict)] == [
        ("a.md", "The door was nailed shut. ")
    ]


async def test_overwrite_of_what_the_agent_never_read_is_refused(book: Any, root: Path) -> None:
    (root / "a.md").write_text(ONE)
    with pytest.raises(WriteRefused, match="read_file it first"):
        await book.write("a.md", "Mine now.", "overwrite")
    await book.read_by_agent("a.md")
    await book.write("a.md", "Its text.", "overwrite", id="2.0")
    assert (root / "a.md").read_text() == "Its text."
    assert book.journal.text(sha256_of(ONE)) == ONE


async def test_edit_replaces_one_passage_and_leaves_the_rest(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    (root / "a.md").write_text(ONE.replace("Mara", "Mira"))
    await book.edit("a.md", "stood open", "stood ajar", id="2.0")
    assert (root / "a.md").read_text() == ONE.replace("Mara", "Mira").replace("stood open", "stood ajar")
    # The agent was not told of Mira yet: its view still says Mara, so a stale write keeps Mira.
    await book.write("a.md", ONE.replace("stood open", "stood ajar") + "End.\n", "overwrite", id="3.0")
    assert (root / "a.md").read_text() == ONE.replace("Mara", "Mira").replace("stood open", "stood ajar") + "End.\n"


async def test_an_edit_of_the_authors_new_words_leaves_the_rest_untold(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    (root / "a.md").write_text(ONE.replace("lamp was lit", "lamp was dark").replace("Mara waited.", "Mara hid."))
    await book.edit("a.md", "Mara hid.", "Mara hid well.", id="2.0")
    stale = ONE.replace("Mara waited.", "Mara hid well.").replace("stood open", "stood ajar")
    written = await book.write("a.md", stale, "overwrite", id="3.0")
    assert (root / "a.md").read_text() == stale.replace("lamp was lit", "lamp was dark")
    assert written.conflicts == ()


async def test_an_edit_is_no_reading_of_the_file(book: Any, root: Path) -> None:
    (root / "a.md").write_text(ONE)
    await book.edit("a.md", "Mara waited.", "Mara slept.")
    await book.write("a.md", "# One\n\nAll is new.\n", "overwrite", id="2.0")
    assert "The lamp was lit. The door stood open." in (root / "a.md").read_text()


@pytest.mark.parametrize(
    ("old", "says"),
    [
        ("The lamp was lid.", "does not stand in a.md.*nearest passage is: «The lamp was lit.»"),
        ("a", "stands 5 times in a.md"),
        ("", "old_text is empty"),
    ],
)
async def test_edit_says_what_to_do_when_the_passage_is_not_there_once(book: Any, old: str, says: str) -> None:
    await book.write("a.md", ONE)
    with pytest.raises(WriteRefused, match=says):
        await book.edit("a.md", old, "x", id="2.0")
    with pytest.raises(WriteRefused, match=r"no file b\.md"):
        await book.edit("b.md", "old", "new", id="2.1")


async def test_edit_finds_a_passage_over_line_ends_of_another_system(book: Any, root: Path) -> None:
    (root / "a.md").write_bytes(b"One.\r\nTwo.\r\nThree.\r\n")
    await book.edit("a.md", "One.\nTwo.", "One.\nSecond.")
    assert (root / "a.md").read_bytes() == b"One.\r\nSecond.\r\nThree.\r\n"


def keep(book: Any, file: str, text: str, mode: str = "") -> None:
    book.record(ev.PartialKept(file=file, sha256=sha256_of(text), words=1, mode=mode), text)


async def test_prose_of_a_cut_reply_is_gone_on_from(book: Any, root: Path) -> None:
    keep(book, "a.md", "# One\n\nThe lamp was lit. ")
    assert book.manuscript.partial_text("a.md") == "# One\n\nThe lamp was lit. "
    written = await book.write("a.md", "The door stood open.\n", "append")
    assert (root / "a.md").read_text() == "# One\n\nThe lamp was lit. The door stood open.\n"
    assert written.continued is True
    assert book.manuscript.partial_text("a.md") is None
    await book.write("a.md", "More.\n", "append", id="2.0")
    assert (root / "a.md").read_text().count("lamp") == 1


async def test_prose_cut_twice_is_gone_on_from_as_a_whole(book: Any, root: Path) -> None:
    keep(book, "a.md", "# One\n\nThe lamp was lit.")
    keep(book, "a.md", "The door stood open.")
    await book.write("a.md", "Mara waited.\n", "append")
    assert (root / "a.md").read_text() == "# One\n\nThe lamp was lit. The door stood open. Mara waited.\n"


async def test_a_cut_text_sent_again_from_its_beginning_stands_alone(book: Any, root: Path) -> None:
    keep(book, "a.md", "# One\n\nThe lamp was lit. ")
    written = await book.write("a.md", ONE, "append")
    assert ((root / "a.md").read_text(), written.continued) == (ONE, False)


async def test_create_supersedes_what_was_kept(book: Any, root: Path) -> None:
    keep(book, "a.md", "# Zero\n\nOld. ")
    assert (await book.write("a.md", ONE)).continued is False
    assert (root / "a.md").read_text() == ONE


async def test_a_cut_append_goes_to_the_end_of_the_file(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    keep(book, "a.md", "Night fell. ", "append")
    await book.write("a.md", "It rained.\n", "append", id="2.0")
    assert (root / "a.md").read_text() == ONE + "Night fell. It rained.\n"


@pytest.mark.parametrize("mode", ["overwrite", ""])
async def test_a_cut_overwrite_that_is_gone_on_from_still_replaces_the_file(mode: str, book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    keep(book, "a.md", "# One\n\nIt was dark. ", mode)
    written = await book.write("a.md", "Nobody came.\n", "append", id="2.0")
    assert (root / "a.md").read_text() == "# One\n\nIt was dark. Nobody came.\n"
    assert (written.mode, written.continued) == ("overwrite", True)


async def test_an_edit_elsewhere_does_not_end_the_kept_prose(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    keep(book, "a.md", "Night fell. ", "append")
    await book.edit("a.md", "Mara", "Mira", id="2.0")
    await book.write("a.md", "It rained.\n", "append", id="3.0")
    assert (root / "a.md").read_text() == ONE.replace("Mara", "Mira") + "Night fell. It rained.\n"


async def test_a_file_that_is_not_utf8_is_left_alone(book: Any, root: Path) -> None:
    (root / "a.md").write_bytes(b"caf\xe9")
    with pytest.raises(BookError, match="not UTF-8"):
        await book.write("a.md", "new", "overwrite")
    assert (root / "a.md").read_bytes() == b"caf\xe9"


async def test_half_a_character_from_a_model_does_not_stop_the_write(book: Any, root: Path) -> None:
    await book.write("a.md", "bad \ud800 half")
    assert (root / "a.md").read_text() == "bad ? half"


async def test_the_same_call_made_again_after_a_failed_disk_is_carried_out_once(book: Any, root: Path) -> None:
    await book.write("a.md", "One.\n")
    (root / ".studio" / "tmp").rename(root / ".studio" / "away")
    (root / ".studio" / "tmp").write_text("a file where the folder should be")
    with pytest.raises(BookError, match="can't be written"):
        await book.write("a.md", "Two.\n", "append", id="2.0")
    (root / ".studio" / "tmp").unlink()
    await book.write("a.md", "Two.\n", "append", id="2.0")
    assert (root / "a.md").read_text() == "One.\nTwo.\n"
    assert len({event.id for event in book.named(ev.FileWritten)}) == 2


async def test_a_save_through_an_open_descriptor_is_found_in_the_displaced_file(
    open_book: Callable[..., Any], root: Path, until: Until
) -> None:
    book = open_book(look_again=0.2)
    await book.write("a.md", ONE)
    with (root / "a.md").open("r+") as editor:
        await book.write("a.md", ONE.replace("stood open", "stood ajar"), "overwrite", id="2.0")
        editor.write(ONE.replace("lamp was lit", "lamp was blown out"))
        editor.truncate()
    wanted = ONE.replace("lamp was lit", "lamp was blown out").replace("stood open", "stood ajar")
    await until(lambda: (root / "a.md").read_text() == wanted)
    await until(lambda: not list((root / ".studio/tmp").iterdir()))
    assert len(book.named(ev.AuthorEdited)) == 1


async def test_close_looks_at_what_was_displaced_at_once(open_book: Callable[..., Any], root: Path) -> None:
    book = open_book()
    await book.write("a.md", ONE)
    with (root / "a.md").open("r+") as editor:
        await book.write("a.md", ONE.replace("stood open", "stood ajar"), "overwrite", id="2.0")
        editor.write(ONE.replace("lamp was lit", "lamp was blown out"))
        editor.truncate()
    await book.close()
    assert "blown out" in (root / "a.md").read_text()
    assert "ajar" in (root / "a.md").read_text()
    assert list((root / ".studio/tmp").iterdir()) == []


async def test_permissions_of_the_authors_file_stay(book: Any, root: Path) -> None:
    await book.write("a.md", ONE)
    (root / "a.md").chmod(0o640)
    await book.write("a.md", "More.", "append", id="2.0")
    assert (root / "a.md").stat().st_mode & 0o777 == 0o640


async def test_a_link_put_in_the_place_of_a_file_is_not_followed(book: Any, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("not the book's")
    (root / "a.md").symlink_to(outside)
    with pytest.raises(BookError):
        await book.write("a.md", "Mine.", "append")
    assert outside.read_text() == "not the book's"


@pytest.mark.parametrize("mark", [".a.md.swp", ".#a.md", ".~lock.a.md#"])
async def test_a_write_to_a_file_open_in_an_editor_says_so(mark: str, book: Any, root: Path) -> None:
    await book.write("a.md", "One.\n", id="1.0")
    (root / mark).symlink_to("author@desk.1234")
    await book.write("a.md", "Two.\n", "append", id="2.0")
    (root / mark).unlink()
    await book.write("a.md", "Three.\n", "append", id="3.0")
    assert [event.open_in_editor for event in book.named(ev.FileWritten)] == [False, True, False]


async def test_a_removed_file_is_not_written_again_under_another_spelling(book: Any, root: Path) -> None:
    await book.write("chapter_01.md", ONE)
    (root / "chapter_01.md").unlink()
    await book.watcher(hints=False).scan()
    with pytest.raises(WriteRefused, match=r"The author removed chapter_01\.md"):
        await book.write(book.folder.name("Chapter_01.md"), ONE, id="2.0")
    assert list(root.glob("*.md")) == []


async def test_a_name_given_up_can_be_used_again_once_the_author_has_said_something(book: Any, root: Path) -> None:
    await book.write("chapter_01.md", ONE)
    (root / "chapter_01.md").rename(root / "chapter_02.md")
    await book.watcher(hints=False).scan()
    with pytest.raises(WriteRefused, match=r"renamed chapter_01\.md to chapter_02\.md"):
        await book.write("chapter_01.md", "# New\n", id="2.0")
    book.record(ev.NoteGiven(text="Put a new first chapter before it."))
    with pytest.raises(WriteRefused, match=r"use that name, or mode create"):
        await book.write("chapter_01.md", "It goes on.\n", "append", id="3.0")
    await book.write("chapter_01.md", "# New\n", id="4.0")
    assert (root / "chapter_01.md").read_text() == "# New\n"
    assert (root / "chapter_02.md").read_text() == ONE

"""What the author locked stays word for word, whatever the agent sends; and it is told why."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.book.layout import BookSettings, load_settings, save_settings
from studio.book.locks import Locked, Locks, check_passages, passages, with_passages
from studio.errors import UsageError

KEPT = "<!-- lock -->\nShe was forty, and said so.\n<!-- /lock -->\n"
CHAPTER = f"# One\n\nIt began.\n\n{KEPT}\nIt ended.\n"


def lock(root: Path, *files: str) -> None:
    save_settings(root, BookSettings(locked=list(files)))


@pytest.mark.parametrize("mode", ["create", "append", "overwrite"])
async def test_a_locked_file_is_not_written(mode: str, book: Any, root: Path) -> None:
    await book.write("a.md", "# One\n\nIt began.\n")
    lock(root, "a.md")
    with pytest.raises(Locked, match=r"The author locked a\.md.*ask_author"):
        await book.write("a.md", "Else.\n", mode, id="2.0")
    with pytest.raises(Locked):
        await book.edit("a.md", "began", "went on", id="3.0")
    assert (root / "a.md").read_text() == "# One\n\nIt began.\n"
    lock(root)
    await book.edit("a.md", "began", "went on", id="4.0")


async def test_a_pattern_locks_a_folder_and_a_file_that_is_not_there_yet(book: Any, root: Path) -> None:
    lock(root, "bible/*", "chapter_09.md")
    for file in ("bible/people.md", "chapter_09.md"):
        with pytest.raises(Locked):
            await book.write(file, "Mara, 31.\n")
    await book.write("chapter_08.md", "Fine.\n", id="2.0")


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("Über.md", unicodedata.normalize("NFD", "Über.md")),
        (unicodedata.normalize("NFD", "Über.md"), "Über.md"),
        ("notes [old].md", "notes [old].md"),
        ("Chapter_01.md", "chapter_01.md"),
        ("chapter_01", "chapter_01.md"),
        ("./chapter_01.md", "chapter_01.md"),
        ("chapter_0?", "chapter_01.md"),
        ("bible", "bible/people.md"),
        ("bible/", "bible/people.md"),
        ("BIBLE/*", "bible/people/mara.md"),
    ],
)
def test_a_name_locks_its_file_however_it_is_spelled(line: str, file: str, root: Path) -> None:
    lock(root, line)
    assert Locks(root).covers(file)
    assert not Locks(root).covers("chapter_11.md")


def test_an_empty_line_locks_nothing_and_one_name_needs_no_list(root: Path) -> None:
    lock(root, "", "./", "/")
    assert not Locks(root).covers("chapter_01.md")
    (root / "book.yaml").write_text("locked: chapter_01.md\n")
    assert Locks(root).covers("chapter_01.md")
    Locks(root).turn("chapter_02.md", locked=True)
    assert load_settings(root).locks() == ["chapter_01.md", "chapter_02.md"]
    Locks(root).turn("chapter_01.md", locked=False)
    assert load_settings(root).locks() == ["chapter_02.md"]


async def test_a_book_yaml_that_is_being_written_leaves_the_locks_as_they_were(root: Path) -> None:
    lock(root, "a.md")
    locks = Locks(root)
    assert locks.covers("a.md")
    (root / "book.yaml").write_text("locked: [a.md, 'b")
    assert locks.covers("a.md")


async def test_the_agent_learns_of_locks_when_they_change(book: Any, root: Path) -> None:
    watcher = book.watcher(hints=False)
    await watcher.scan()
    assert book.named(ev.LocksChanged) == []
    lock(root, "a.md")
    await watcher.scan()
    await watcher.scan()
    lock(root)
    await watcher.scan()
    assert [event.files for event in book.named(ev.LocksChanged)] == [("a.md",), ()]


def test_a_file_is_locked_and_unlocked_and_the_rest_of_book_yaml_stays(root: Path) -> None:
    (root / "book.yaml").write_text("# mine\ntitle: Salt\nlocked: ['bible/*']\n")
    locks = Locks(root)
    locks.turn("a.md", locked=True)
    assert load_settings(root).locked == ["bible/*", "a.md"]
    locks.turn("a.md", locked=True)
    locks.turn("a.md", locked=False)
    assert load_settings(root).locked == ["bible/*"]
    assert (root / "book.yaml").read_text().startswith("# mine\ntitle: Salt\n")
    with pytest.raises(UsageError, match=r"bible/x\.md is locked by the pattern `bible/\*`"):
        locks.turn("bible/x.md", locked=False)


# --- passages -----------------------------------------------------------------------------------------------------


async def test_a_locked_passage_survives_every_way_of_writing(book: Any, root: Path) -> None:
    (root / "a.md").write_text(CHAPTER)
    await book.read_by_agent("a.md")
    with pytest.raises(Locked, match=r"«She was forty, and said so\.»"):
        await book.write("a.md", CHAPTER.replace("forty", "fifty"), "overwrite", id="1.0")
    with pytest.raises(Locked):
        await book.edit("a.md", "forty", "fifty", id="2.0")
    with pytest.raises(Locked):
        await book.edit("a.md", "<!-- lock -->\n", "", id="3.0")
    with pytest.raises(Locked):
        await book.edit("a.md", f"began.\n\n{KEPT}", "began.\n", id="4.0")
    assert (root / "a.md").read_text() == CHAPTER
    await book.edit("a.md", "It ended.", "It ended badly.", id="5.0")
    await book.write("a.md", "\nAnd more.\n", "append", id="6.0")
    assert (root / "a.md").read_text() == CHAPTER.replace("ended.", "ended badly.") + "\nAnd more.\n"


async def test_marks_the_agent_left_out_are_put_back_around_the_passage(book: Any, root: Path) -> None:
    (root / "a.md").write_text(CHAPTER)
    await book.read_by_agent("a.md")
    bare = "# One\n\nIt began again.\n\nShe was forty, and said so.\n\nIt ended.\n"
    await book.write("a.md", bare, "overwrite", id="1.0")
    text = (root / "a.md").read_text()
    assert passages(text) == passages(CHAPTER)
    assert text.startswith("# One\n\nIt began again.\n\n") and text.endswith("It ended.\n")


@pytest.mark.parametrize(
    "sent",
    [
        "Sheila came. He left.\n",  # the locked word is only part of another one there
        "Sheila came. She did. He left.\n",
        "She came. Then She left.\n",
        "Mara came. Sheila left.\n",
    ],
)
async def test_words_that_need_not_be_the_locked_ones_are_not_taken_for_them(sent: str, book: Any, root: Path) -> None:
    text = f"{'Mara' if 'Mara' in sent else 'Sheila'} came. <!-- lock -->She<!-- /lock --> left.\n"
    (root / "a.md").write_text(text)
    await book.read_by_agent("a.md")
    with pytest.raises(Locked, match="«She»"):
        await book.write("a.md", sent, "overwrite", id="1.0")
    assert (root / "a.md").read_text() == text


async def test_a_passage_locked_since_the_agent_read_the_file_is_kept(book: Any, root: Path) -> None:
    plain = "# One\n\nIt began.\n\nShe was forty, and said so.\n\nIt ended.\n"
    await book.write("a.md", plain, id="1.0")
    (root / "a.md").write_text(CHAPTER)
    with pytest.raises(Locked):
        await book.write("a.md", plain.replace("forty", "fifty"), "overwrite", id="2.0")
    await book.write("a.md", plain.replace("It ended.", "It ended badly."), "overwrite", id="3.0")
    text = (root / "a.md").read_text()
    assert passages(text) == passages(CHAPTER)
    assert "It ended badly." in text


async def test_a_passage_that_is_not_closed_is_locked_to_the_end(book: Any, root: Path) -> None:
    (root / "a.md").write_text("# One\n\nFree.\n\n<!-- lock -->\nNot free.\n")
    with pytest.raises(Locked):
        await book.write("a.md", "More.\n", "append")
    await book.edit("a.md", "Free.", "Quite free.", id="2.0")


async def test_only_the_author_locks(book: Any, root: Path) -> None:
    await book.write("a.md", "Hers.\n")
    with pytest.raises(Locked, match="Only the author locks"):
        await book.edit("a.md", "Hers.", "<!-- lock -->Mine.<!-- /lock -->", id="2.0")
    await book.edit("a.md", "Hers.", "Mine.", id="3.0")


PIECES = st.sampled_from(["Mara", "rowed.", "The sea", "slept.", "\n", "她走了。", "«Yes.»"])
WORDS = st.lists(PIECES, max_size=8).map(" ".join)
MARKS = st.sampled_from(["<!-- lock -->", "<!-- /lock -->", "<!--locked-->", "<!-- UNLOCK -->", ""])
TEXT = st.lists(st.tuples(MARKS, WORDS), max_size=6).map(lambda parts: "".join(mark + words for mark, words in parts))


@given(TEXT, TEXT)
def test_what_comes_through_holds_the_same_passages_word_for_word(disk: str, sent: str) -> None:
    try:
        text = with_passages("a.md", sent, disk)
        check_passages("a.md", disk, text)
    except Locked:
        return
    assert passages(text) == passages(disk)


@given(TEXT)
def test_a_text_that_changes_nothing_is_never_refused(disk: str) -> None:
    assert with_passages("a.md", disk, disk) == disk
    check_passages("a.md", disk, disk)


@given(TEXT)
def test_passages_do_not_overlap_and_stand_in_the_text(text: str) -> None:
    at = 0
    for block in passages(text):
        at = text.index(block, at) + len(block)

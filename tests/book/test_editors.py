"""What editors and sync programs do to a book's folder: the last content is always seen, their leavings are no news."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.book.files import Folder
from studio.book.leavings import copied_from
from studio.book_cards import book_card
from studio.errors import PathRefused
from studio.headless import describe

ONE = "# One\n\nThe lamp was lit. The door stood open.\n"
MINE = ONE.replace("was lit", "was blown out")

COPIES = [
    "chapter_01 (Ann's conflicted copy 2026-11-24).md",
    "chapter_01 (Ann’s MacBook's conflicted copy 2026-11-24 (1)).md",
    "chapter_01 (conflicted copy 2026-11-24 101010).md",
    "chapter_01 (Conflicted copy from Ann on 2026-11-24).md",
    "chapter_01.sync-conflict-20261124-101010-ABCDEF7.md",
    "chapter_01.sync-conflict-20261124-101010.md",
    "chapter_01_conf(2026-11-24-10-10-10).md",
    "chapter_01 [conflicted].md",
    "chapter_01 [conflicted 2].md",
    "chapter_01_conflict-20261124-101010.md",
    "chapter_01 (Case Conflict).md",
    "chapter_01 (Case Conflict 1).md",
    "chapter_01 (Unicode Encoding Conflict).md",
    "chapter_01 (SFConflict ann@example.org 2026-11-24-10-10-10).md",
    "chapter_01 (In Konflikt stehende Kopie von Ann 2026-11-24).md",
    "chapter_01 (Ann's conflicted copy 2026-11-24) (Bo's conflicted copy 2026-11-25).md",
]


@pytest.mark.parametrize("name", COPIES)
def test_a_sync_programs_second_version_is_known_by_its_name(name: str, root: Path) -> None:
    assert copied_from(name) == "chapter_01.md"
    with pytest.raises(PathRefused, match="looks like a sync program's second version"):
        Folder(root).name(name)
    with pytest.raises(PathRefused):
        Folder(root).name(name.removesuffix(".md"))


@pytest.mark.parametrize(
    "name",
    [
        "chapter_01.md",
        "04 The Conflict.md",
        "The Copy (conflicted).md",
        "chapter_01 (draft).md",
        "chapter_01 (conflict).md",
        "In Case Conflict Comes.md",
        "chapter_01 (Ann's conflicted copy 2026-11-24) mended.md",
        "(Case Conflict).md",
        "sync-conflict.md",
        "島（冲突）.md",
    ],
)
def test_a_chapter_about_a_conflict_is_a_chapter(name: str, root: Path) -> None:
    assert copied_from(name) == ""
    (root / name).write_text("x")
    assert Folder(root).names() == [name]


async def test_a_second_version_is_told_once_and_is_no_file_of_the_book(
    open_book: Callable[..., Any], root: Path
) -> None:
    book = open_book()
    await book.write("chapter_01.md", ONE, id="1.0")
    (root / "bible").mkdir()
    (root / "bible (Selective Sync Conflict)").mkdir()
    (root / "bible (Selective Sync Conflict)/people.md").write_text("Mara.\n")
    copies = {COPIES[0]: "chapter_01.md", f"bible/{COPIES[4]}": "bible/chapter_01.md"}
    for copy in copies:
        (root / copy).write_text(MINE)
    copies["bible (Selective Sync Conflict)"] = "bible"
    watcher = book.watcher(hints=False)
    for _ in range(2):
        assert await watcher.scan(full=True) == []
    assert {event.file: event.of for event in book.named(ev.ConflictCopyFound)} == copies
    assert len(book.named(ev.ConflictCopyFound)) == 3
    assert describe(book.named(ev.ConflictCopyFound)[-1]) == (
        f"≠ a sync program left a second version of chapter_01.md: {COPIES[0]}; compare them and remove one"
    )
    assert book.folder.names() == ["chapter_01.md"]
    assert book.ledger.files() == ["chapter_01.md"]
    await book.close()
    again = open_book()
    await again.watcher().scan(full=True)
    assert len(again.named(ev.ConflictCopyFound)) == 3, "told in an earlier run"
    assert (root / COPIES[0]).read_text() == MINE, "left as it was"


async def test_what_the_author_takes_from_a_second_version_is_an_edit(book: Any, root: Path) -> None:
    await book.write("chapter_01.md", ONE, id="1.0")
    (root / COPIES[0]).write_text(MINE)
    watcher = book.watcher(hints=False)
    await watcher.scan()
    (root / COPIES[0]).rename(root / "chapter_01.md")
    (edited,) = await watcher.scan()
    assert (edited.file, book.journal.text(edited.sha256)) == ("chapter_01.md", MINE)


async def test_a_second_version_that_an_earlier_studio_took_for_a_chapter_is_one_no_more(book: Any, root: Path) -> None:
    (root / COPIES[0]).write_text(MINE + "More.\n")
    book.record(ev.AuthorEdited(file=COPIES[0], sha256="0" * 64, words=10, diff=""))
    watcher = book.watcher(hints=False)
    assert await watcher.scan() == []
    (root / COPIES[0]).unlink()
    assert await watcher.scan() == []
    assert book.ledger.files() == book.ledger.removed_by_author() == []


async def test_the_library_counts_no_word_twice(book: Any, root: Path) -> None:
    await book.write("chapter_01.md", ONE, id="1.0")
    words = book_card(root).words
    for name in (COPIES[0], ".#chapter_01.md", "~$chapter_01.md"):
        (root / name).write_text(MINE)
    assert words == book_card(root).words == 9

"""What an editor's system put into a file stays through the agent's writes: BOM, line ends, names, bytes."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.errors import BookError, PathRefused

BOM = "\ufeff"


async def prepared(book: Any, root: Path, text: str) -> None:
    (root / "a.md").write_bytes(text.encode())
    await book.watcher(hints=False).scan()
    await book.read_by_agent("a.md")


@pytest.mark.parametrize("sent", ["", BOM], ids=["without", "with"])
async def test_a_bom_stays_and_is_never_doubled(sent: str, book: Any, root: Path) -> None:
    await prepared(book, root, BOM + "# One\n\nHere.\n")
    await book.write("a.md", sent + "More.\n", "append", id="1.0")
    assert (root / "a.md").read_bytes().decode() == BOM + "# One\n\nHere.\nMore.\n"
    await book.write("a.md", sent + "# One\n\nAnew.\n", "overwrite", id="2.0")
    assert (root / "a.md").read_bytes().decode() == BOM + "# One\n\nAnew.\n"
    await book.edit("a.md", sent + "# One", "# Two", id="3.0")
    assert (root / "a.md").read_bytes().decode() == BOM + "# Two\n\nAnew.\n"
    assert await book.watcher(hints=False).scan(full=True) == []


async def test_a_bom_stays_when_the_authors_edit_is_merged(book: Any, root: Path) -> None:
    await prepared(book, root, BOM + "# One\n\nThe lamp was lit. The door stood open.\n")
    (root / "a.md").write_bytes((BOM + "# One\n\nThe lamp was out. The door stood open.\n").encode())
    await book.write("a.md", "# One\n\nThe lamp was lit. The door stood ajar.\n", "overwrite", id="1.0")
    assert (root / "a.md").read_bytes().decode() == BOM + "# One\n\nThe lamp was out. The door stood ajar.\n"


async def test_a_new_file_gets_no_bom_in_the_middle_of_it(book: Any, root: Path) -> None:
    await book.write("a.md", "One.\n", id="1.0")
    await book.write("a.md", BOM + "Two.\n", "append", id="2.0")
    assert (root / "a.md").read_text() == "One.\nTwo.\n"


async def test_a_file_of_crlf_stays_one(book: Any, root: Path) -> None:
    await prepared(book, root, "# One\r\n\r\nHere. There.\r\n")
    await book.write("a.md", "More.\nAnd more.\r\n", "append", id="1.0")
    assert (root / "a.md").read_bytes() == b"# One\r\n\r\nHere. There.\r\nMore.\r\nAnd more.\r\n"
    await book.write("a.md", "# One\n\nAnew.\n", "overwrite", id="2.0")
    assert (root / "a.md").read_bytes() == b"# One\r\n\r\nAnew.\r\n"
    await book.edit("a.md", "Anew.", "One.\nTwo.", id="3.0")
    assert (root / "a.md").read_bytes() == b"# One\r\n\r\nOne.\r\nTwo.\r\n"
    assert await book.watcher(hints=False).scan(full=True) == []


async def test_a_file_of_crlf_stays_one_when_the_authors_edit_is_merged(book: Any, root: Path) -> None:
    await prepared(book, root, "# One\r\n\r\nThe lamp was lit. The door stood open.\r\n")
    (root / "a.md").write_bytes(b"# One\r\n\r\nThe lamp was out. The door stood open.\r\n")
    await book.write("a.md", "# One\n\nThe lamp was lit. The door stood ajar.\n", "overwrite", id="1.0")
    assert (root / "a.md").read_bytes() == b"# One\r\n\r\nThe lamp was out. The door stood ajar.\r\n"


async def test_line_ends_of_both_kinds_are_left_as_they_are(book: Any, root: Path) -> None:
    await prepared(book, root, "One.\r\nTwo.\nThree.\n")
    await book.write("a.md", "Four.\n", "append", id="1.0")
    assert (root / "a.md").read_bytes() == b"One.\r\nTwo.\nThree.\nFour.\n"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_a_name_keeps_its_form_through_every_write(form: str, book: Any, root: Path) -> None:
    name = unicodedata.normalize(form, "Übergang.md")
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", name)
    (root / name).write_text("One.\n")
    watcher = book.watcher(hints=False)
    assert [event.file for event in await watcher.scan()] == [name]
    assert book.folder.name(other) == name
    await book.read_by_agent(name)
    await book.write(book.folder.name(other), "Two.\n", "append", id="1.0")
    await book.edit(book.folder.name(other), "Two", "Second", id="2.0")
    await book.write(book.folder.name(other), "Anew.\n", "overwrite", id="3.0")
    assert [(file.name, file.read_text()) for file in root.glob("*.md")] == [(name, "Anew.\n")]
    assert await watcher.scan(full=True) == []


@pytest.mark.parametrize("mode", ["create", "append", "overwrite", "edit"])
async def test_what_is_not_utf8_is_never_written(mode: str, book: Any, root: Path) -> None:
    body = "Über".encode("latin-1")
    (root / "a.md").write_bytes(body)
    with pytest.raises(BookError, match="not UTF-8"):
        if mode == "edit":
            await book.edit("a.md", "ber", "x")
        else:
            await book.write("a.md", "x", mode)
    assert (root / "a.md").read_bytes() == body
    assert await book.watcher(hints=False).scan(full=True) == [] == book.named(ev.AuthorEdited, ev.FileWritten)


async def test_a_link_is_neither_written_nor_watched(book: Any, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text("Outside.\n")
    (root / "a.md").symlink_to(tmp_path / "outside.md")
    with pytest.raises(PathRefused):
        book.folder.name("a.md")
    for mode in ("create", "append", "overwrite"):
        with pytest.raises(BookError):
            await book.write("a.md", "x", mode, id=mode)
    with pytest.raises(BookError):
        await book.edit("a.md", "Outside", "x", id="edit")
    assert (tmp_path / "outside.md").read_text() == "Outside.\n"
    assert await book.watcher(hints=False).scan(full=True) == []

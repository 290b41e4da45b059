"""The record is its owner's alone, whatever stood there before, and is never written where a link leads."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import Journal, peek
from studio.book.layout import save_settings
from studio.book_cards import book_card
from studio.errors import BookError


@pytest.fixture(autouse=True)
def open_handed() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): f"{path.lstat().st_mode & 0o777:o}" for path in sorted(place.rglob("*"))}


async def used(root: Path) -> None:
    """A book that was opened, written and closed."""
    journal = Journal.open(root)
    journal.append(ev.NoteGiven(text="secret"), "a version")
    await journal.durable()
    folder = Folder(root)
    folder.stage("1.tmp", "x")
    folder.keep("1.tmp", "a.md")
    folder.stage("2.tmp", "y")
    found = modes(root / ".studio")
    assert {found[name] for name in ("journal.db", "journal.db-wal", "journal.db-shm")} == {"600"}
    await journal.close()


async def test_the_record_is_its_owners_alone(root: Path) -> None:
    await used(root)
    found = modes(root / ".studio")
    assert f"{(root / '.studio').stat().st_mode & 0o777:o}" == "700"
    assert {found[name] for name in ("tmp", "kept")} == {"700"}
    assert {found[name] for name in ("journal.db", "lock")} == {"600"}


async def test_a_record_that_was_open_to_others_is_closed_to_them(root: Path) -> None:
    await used(root)
    for path in [root / ".studio", *(root / ".studio").rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    await used(root)
    found = modes(root / ".studio")
    assert f"{(root / '.studio').stat().st_mode & 0o777:o}" == "700"
    assert {found[name] for name in ("tmp", "kept")} == {"700"}
    assert found["journal.db"] == "600"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    place.mkdir()
    (place / "mine").write_text("mine")
    return place


def untouched(outside: Path) -> bool:
    return [(path.name, path.read_text()) for path in outside.iterdir()] == [("mine", "mine")]


@pytest.mark.parametrize("name", ["", "tmp", "kept"])
async def test_a_folder_of_the_record_that_is_a_link_is_refused(root: Path, outside: Path, name: str) -> None:
    (root / ".studio" / name).parent.mkdir(exist_ok=True)
    (root / ".studio" / name).symlink_to(outside)
    with pytest.raises((BookError, OSError)):
        await used(root)
    assert untouched(outside)


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal", "journal.db-shm", "lock"])
@pytest.mark.parametrize("there", ["mine", "not yet"])
async def test_a_file_of_the_record_that_is_a_link_is_refused(root: Path, outside: Path, name: str, there: str) -> None:
    (root / ".studio").mkdir()
    (root / ".studio" / name).symlink_to(outside / there)
    with pytest.raises(BookError):
        await used(root)
    assert untouched(outside)


async def test_a_link_left_beside_book_yaml_leads_nothing_out(root: Path, outside: Path) -> None:
    from studio.book.layout import BookSettings

    (root / f".book.yaml.{os.getpid()}").symlink_to(outside / "mine")
    (root / ".studio").mkdir()
    (root / ".studio/.gitignore").symlink_to(outside / "ignored")
    await used(root)
    save_settings(root, BookSettings(title="x"))
    assert untouched(outside)
    assert (root / "book.yaml").read_text() == "title: x\n"


@pytest.mark.parametrize("name", ["a.md", ".studio/journal.db", ".studio/lock", "book.yaml", "sub/b.md"])
async def test_a_pipe_keeps_nobody_waiting(root: Path, name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    os.mkfifo(root / name)

    def look() -> None:
        peek(root)
        book_card(root)

    async with asyncio.timeout(10):
        await asyncio.to_thread(look)
        if name.startswith(".studio"):
            with pytest.raises(BookError):
                await asyncio.to_thread(Journal.open, root)

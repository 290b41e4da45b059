"""A record that another program removes or replaces in the middle of a run: nothing is called durable that is not."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from studio import events as ev
from studio.book.journal import Journal, sha256_of
from studio.errors import BookUnsaved


def removed(studio: Path) -> None:
    shutil.rmtree(studio)


def record_removed(studio: Path) -> None:
    (studio / "journal.db").unlink()


def older_copy(studio: Path) -> None:
    shutil.copy(studio / "journal.db", studio / "copy")
    (studio / "copy").replace(studio / "journal.db")


@pytest.mark.parametrize("done", [removed, record_removed, older_copy])
async def test_what_goes_into_a_file_without_a_name_is_not_called_durable(
    done: Callable[[Path], None], root: Path, tmp_path: Path
) -> None:
    journal = Journal.open(root, spill_folders=[tmp_path / "state"])
    journal.append(ev.NoteGiven(text="before"))
    await journal.durable()
    done(root / ".studio")
    edited = journal.append(ev.AuthorEdited(file="a.md", sha256=sha256_of("Mine."), words=1, diff=""), "Mine.")
    with pytest.raises(BookUnsaved, match=r"removed, or another file .* held in memory and in .* when it is back"):
        await journal.durable()
    assert journal.text(edited.sha256) == "Mine."
    with pytest.raises(BookUnsaved):
        await journal.close()
    assert list((tmp_path / "state").iterdir()) != []


async def test_a_record_that_comes_back_is_gone_on_with(root: Path) -> None:
    journal = Journal.open(root)
    journal.append(ev.NoteGiven(text="before"))
    await journal.durable()
    record, away = root / ".studio/journal.db", root / ".studio/away"
    record.rename(away)
    journal.append(ev.NoteGiven(text="meanwhile"))
    with pytest.raises(BookUnsaved):
        await journal.durable()
    away.rename(record)
    await journal.durable()
    await journal.close()
    notes = [event.text for event in Journal.open_readonly(root).read() if isinstance(event, ev.NoteGiven)]
    assert notes == ["before", "meanwhile"]

"""Putting files back: the author's act, undoable, finished after a crash at any point, and no editor's save is lost."""

import asyncio
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.book.files import Folder
from studio.book.history import History, same_files, state_at
from studio.book.journal import sha256_of
from studio.errors import BookError, BookUnsaved

OLD, NEW, MINE = "One was. Two was.\n", "One is. Two is. Three is.\n", "One is. Two is. Three is. Mine.\n"


async def two_versions(book: Any) -> None:
    """a.md, written twice by the agent."""
    await book.write("a.md", OLD, id="1.0")
    await book.write("a.md", NEW, "overwrite", id="2.0")


async def test_a_restore_is_the_authors_edit_and_settles_its_own_intent(book: Any, root: Path) -> None:
    await two_versions(book)
    view = book.ledger.agent_view("a.md")
    await book.restoring.restore({"a.md": sha256_of(OLD)}, "a.md as of revision 1")
    assert (root / "a.md").read_text() == OLD
    begun, edited, finished = book.named(ev.RestoreBegun, ev.AuthorEdited, ev.RestoreFinished)
    assert (edited.sha256, edited.words, edited.id) == (sha256_of(OLD), 4, f"restore.{begun.seq}.a.md")
    assert "-One is." in edited.diff and "+One was." in edited.diff
    assert begun.seq < edited.seq < finished.seq
    assert (book.ledger.unsettled(), book.ledger.touched_by("a.md")) == ([], "author")
    assert book.ledger.agent_view("a.md") == view  # the agent still has to be told
    assert await book.watcher().scan(full=True) == []


async def test_what_was_on_disk_and_unknown_is_a_version_first_so_that_the_restore_can_be_undone(
    book: Any, root: Path
) -> None:
    await two_versions(book)
    (root / "a.md").write_text(MINE)
    await book.restoring.restore({"a.md": sha256_of(OLD)}, "a.md as of revision 1")
    assert (root / "a.md").read_text() == OLD
    assert [r.who for r in History(book.events).revisions] == ["agent", "agent", "author", "author"]
    await book.restoring.restore({"a.md": sha256_of(MINE)}, "a.md as of revision 3")
    assert (root / "a.md").read_text() == MINE


async def test_a_file_that_was_not_there_goes_and_can_come_back(book: Any, root: Path) -> None:
    await two_versions(book)
    await book.restoring.restore({"a.md": ""}, "the book as of the beginning")
    assert not (root / "a.md").exists()
    assert (book.ledger.files(), book.ledger.unsettled()) == ([], [])
    assert await book.watcher().scan(full=True) == []
    await book.restoring.restore({"a.md": sha256_of(NEW)}, "a.md as of revision 2")
    assert (root / "a.md").read_text() == NEW
    await book.manuscript.close()
    assert list((root / ".studio/tmp").iterdir()) == []


async def test_a_stale_write_of_the_agent_does_not_take_the_restore_back(book: Any, root: Path) -> None:
    await two_versions(book)
    await book.restoring.restore({"a.md": sha256_of(OLD)}, "a.md as of revision 1")
    await book.write("a.md", NEW + "Four.\n", "overwrite", id="3.0")
    assert (root / "a.md").read_text() == OLD + "Four.\n"


async def test_a_version_that_is_gone_is_refused_before_anything_is_touched(book: Any, root: Path) -> None:
    await two_versions(book)
    with pytest.raises(BookError, match="no version 000000000000"):
        await book.restoring.restore({"a.md": sha256_of(OLD), "b.md": "0" * 64}, "the book")
    assert (root / "a.md").read_text() == NEW
    assert book.named(ev.RestoreBegun) == []


async def test_what_cannot_be_put_back_is_said_and_the_rest_is(book: Any, root: Path) -> None:
    await two_versions(book)
    (root / "b.md").mkdir()
    files = {"a.md": sha256_of(OLD), "b.md": sha256_of(OLD), "../c.md": sha256_of(OLD)}
    with pytest.raises(BookError, match=r"leads out of the book.*b\.md is no plain file"):
        await book.restoring.restore(files, "the book")
    assert (root / "a.md").read_text() == OLD
    assert not (root.parent / "c.md").exists()
    assert len(book.named(ev.RestoreFinished)) == 1  # it is not tried again each time the book is opened


@pytest.mark.parametrize(
    "name", ["Who goes there?.md", 'Part: "one".md', " notes/a\u200db.md", "島" * 80 + ".md", "CON.md"]
)
async def test_a_file_comes_back_whatever_the_author_called_it(name: str, book: Any, root: Path) -> None:
    file = root / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(OLD)
    watcher = book.watcher(hints=False)
    await watcher.scan()
    file.unlink()
    await watcher.scan()
    await book.restoring.restore({name: sha256_of(OLD)}, name)
    assert file.read_text() == OLD
    await book.restoring.restore({name: ""}, name)
    assert not file.exists()


async def test_no_name_in_the_record_leads_out_of_the_book(book: Any, root: Path) -> None:
    await two_versions(book)
    (root / "out").symlink_to(root.parent)
    names = ("../c.md", "notes/../../c.md", "/tmp/c.md", "out/c.md", ".studio/c.md", "a\0.md", "", "notes//c.md")
    for name in names:
        with pytest.raises(BookError):
            await book.restoring.restore({name: sha256_of(OLD)}, "the book")
    assert not (root.parent / "c.md").exists() and not (root / ".studio/c.md").exists()


class Killed(Exception):
    """Stands for the end of the process."""


class Breaking(Folder):
    """A folder where something happens at a step of the exchange; a kill is an exception nobody catches."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.at: dict[str, Callable[[str], object]] = {}

    def _do(self, step: str, name: str) -> None:
        if (call := self.at.pop(step, None)) is not None:
            call(name)

    def stage(self, temp: str, text: str) -> None:
        self._do("before stage", temp)
        super().stage(temp, text)
        self._do("after stage", temp)

    def put(self, temp: str, name: str, *, over: bool = False) -> bool:
        self._do("before put", name)
        displaced = super().put(temp, name, over=over)
        self._do("after put", name)
        return displaced

    def take_away(self, temp: str, name: str) -> None:
        self._do("before take", name)
        super().take_away(temp, name)
        self._do("after take", name)


def kill(_: str) -> None:
    raise Killed


async def crash(book: Any, files: dict[str, str]) -> None:
    """Restore, be killed on the way, and leave nothing running."""
    with pytest.raises(Killed):
        await book.restoring.restore(files, "the book as of revision 2")
    await book.journal.close()


@pytest.mark.parametrize(
    "step", ["before stage", "after stage", "before put", "after put", "before take", "after take"]
)
async def test_a_restore_of_the_book_cut_short_is_finished_when_it_is_opened_again(
    step: str, open_book: Callable[..., Any], root: Path
) -> None:
    folder = Breaking(root)
    book = open_book(folder=folder)
    await two_versions(book)
    await book.write("b.md", NEW, id="3.0")
    await book.write("c.md", NEW, id="3.1")
    folder.at[step] = kill
    await crash(book, {"a.md": sha256_of(OLD), "b.md": sha256_of(OLD), "c.md": ""})
    again = open_book()
    await again.manuscript.settle()
    await again.restoring.settle()
    assert {file.name: file.read_text() for file in root.glob("*.md")} == {"a.md": OLD, "b.md": OLD}
    edits = again.named(ev.AuthorEdited)
    assert len(edits) == len({edit.id for edit in edits}) == 3  # each once
    assert len(again.named(ev.RestoreFinished)) == 1
    assert (again.ledger.unsettled(), again.named(ev.FileWritten)[4:]) == ([], [])
    assert await again.watcher().scan(full=True) == []
    await again.restoring.settle()
    assert len(again.named(ev.RestoreFinished)) == 1
    await again.manuscript.close()
    assert list((root / ".studio/tmp").iterdir()) == []


@pytest.mark.parametrize("step", ["before stage", "before put", "after put", "before take"])
async def test_a_restore_that_the_disk_refused_goes_over_nothing_written_since(
    step: str, open_book: Callable[..., Any], root: Path
) -> None:
    folder = Breaking(root)
    book = open_book(folder=folder)
    await two_versions(book)
    for file in ("b.md", "c.md", "d.md"):
        await book.write(file, NEW, id=f"3.{file}")

    def full(_: str) -> None:
        raise BookUnsaved("It can't be written (No space left on device); free some room, and the run goes on.")

    folder.at[step] = full
    files = {"a.md": sha256_of(OLD), "b.md": sha256_of(OLD), "c.md": "", "d.md": ""}
    with pytest.raises(
        BookUnsaved, match=r"No space.*and the run goes on\. Not every file was put back; ask for it again"
    ):
        await book.restoring.restore(files, "the book as of revision 2")
    for file in files:  # there is room again, and the author goes on
        (root / file).write_text(f"{file} is mine.\n")
    await book.watcher().scan(full=True)
    await book.close()
    again = open_book()
    await again.manuscript.settle()
    await again.restoring.settle()
    assert {file: (root / file).read_text() for file in files} == {file: f"{file} is mine.\n" for file in files}


@pytest.mark.parametrize("step", ["before put", "after put", "before take", "after take"])
async def test_what_a_refused_restore_was_to_leave_is_seen_when_the_author_makes_it_so(
    step: str, open_book: Callable[..., Any], root: Path
) -> None:
    folder = Breaking(root)
    book = open_book(folder=folder)
    await two_versions(book)
    await book.write("b.md", NEW, id="3.0")

    def full(_: str) -> None:
        raise BookUnsaved("It can't be written (No space left on device).")

    folder.at[step] = full
    with pytest.raises(BookUnsaved):
        await book.restoring.restore({"a.md": sha256_of(OLD), "b.md": ""}, "the book as of revision 1")
    watcher = book.watcher(hints=False)
    for text in (OLD, OLD + "Mine.\n", OLD):
        (root / "a.md").write_text(text)
        (root / "b.md").unlink(missing_ok=True)
        await watcher.scan(full=True)
        assert (book.ledger.disk("a.md"), book.ledger.disk("b.md")) == (sha256_of(text), "")
    before = len(book.events)
    await book.close()
    again = open_book()
    await again.manuscript.settle()
    await again.restoring.settle()
    assert await again.watcher().scan(full=True) == []
    assert len(again.events) == before
    assert list((root / ".studio/tmp").iterdir()) == []


@pytest.mark.parametrize("step", ["before put", "after put", "after take"])
async def test_what_the_author_saves_while_the_studio_is_dead_is_no_part_of_the_restore(
    step: str, open_book: Callable[..., Any], root: Path
) -> None:
    folder = Breaking(root)
    book = open_book(folder=folder)
    await two_versions(book)
    await book.write("b.md", NEW, id="3.0")
    folder.at[step] = kill
    await crash(book, {"a.md": sha256_of(OLD), "b.md": ""})
    (root / "a.md").write_text(MINE)
    again = open_book()
    await again.manuscript.settle()
    await again.restoring.settle()
    await again.watcher().scan(full=True)
    assert again.journal.text(sha256_of(MINE)) == MINE
    assert not (root / "b.md").exists()


async def test_an_editor_that_saves_at_the_moment_of_the_exchange_loses_no_word(
    open_book: Callable[..., Any], root: Path
) -> None:
    folder = Breaking(root)
    book = open_book(folder=folder)
    await two_versions(book)
    folder.at["before put"] = lambda _: (root / "a.md").write_text(MINE)
    await book.restoring.restore({"a.md": sha256_of(OLD)}, "a.md as of revision 1")
    # What the editor added is in the text that came back; the rest is as it was to be.
    assert (root / "a.md").read_text().split() == ["One", "was.", "Two", "was.", "Mine."]
    assert book.journal.text(sha256_of(MINE)) == MINE
    assert [edit.sha256 for edit in book.named(ev.AuthorEdited)][:2] == [sha256_of(OLD), sha256_of(MINE)]


async def test_an_editor_that_saves_right_before_the_exchange_is_merged_in_too(
    open_book: Callable[..., Any], root: Path
) -> None:
    folder = Breaking(root)
    book = open_book(folder=folder)
    await two_versions(book)
    folder.at["after stage"] = lambda _: (root / "a.md").write_text(MINE)
    await book.restoring.restore({"a.md": sha256_of(OLD)}, "a.md as of revision 1")
    assert "Mine." in (root / "a.md").read_text() and "One was." in (root / "a.md").read_text()
    assert book.journal.text(sha256_of(MINE)) == MINE
    assert (book.named(ev.FileWritten)[2:], book.ledger.unsettled()) == ([], [])


@pytest.mark.parametrize("how", ["in place", "by a rename", "after it went"])
async def test_a_file_that_is_saved_while_it_goes_is_kept(how: str, open_book: Callable[..., Any], root: Path) -> None:
    folder = Breaking(root)
    book = open_book(folder=folder)
    await two_versions(book)

    def save(_: str) -> None:
        place = root / ("new" if how == "by a rename" else "a.md")
        place.write_text(MINE)
        if how == "by a rename":
            place.rename(root / "a.md")

    folder.at["after take" if how == "after it went" else "before take"] = save
    await book.restoring.restore({"a.md": ""}, "the book as of the beginning")
    await book.manuscript.close()
    await book.watcher().scan(full=True)
    assert book.journal.text(sha256_of(MINE)) == MINE
    # Saved after it went, it is a new file of the author's.
    assert (root / "a.md").exists() == (how == "after it went")
    assert book.ledger.disk("a.md") == (sha256_of(MINE) if how == "after it went" else "")
    assert list((root / ".studio/tmp").iterdir()) == []


async def test_an_editor_that_still_holds_the_file_that_went_writes_into_a_version(
    open_book: Callable[..., Any], root: Path
) -> None:
    book = open_book()
    await two_versions(book)
    with (root / "a.md").open("r+") as editor:
        await book.restoring.restore({"a.md": ""}, "the book as of the beginning")
        editor.write(MINE)
    await book.manuscript.close()
    assert book.journal.text(sha256_of(MINE)) == MINE
    assert (book.ledger.disk("a.md"), (root / "a.md").exists()) == ("", False)


RESTORES = """
    import asyncio, sys
    from pathlib import Path
    from studio import events as ev
    from studio.book.files import Folder
    from studio.book.history import History, same_files, state_at
    from studio.book.journal import Journal
    from studio.book.ledger import Ledger
    from studio.book.manuscript import Manuscript
    from studio.book.restoring import Restoring

    async def main(root):
        journal, ledger, history = Journal.open(root), Ledger(), History()
        folder = Folder(root)
        def fold(event):
            ledger.apply(event), restoring.apply(event), history.apply(event)
        def record(event, *texts):
            stamped = journal.append(event, *texts)
            fold(stamped)
            return stamped
        manuscript = Manuscript(folder, journal, ledger, record)
        restoring = Restoring(folder, journal, manuscript, record)
        for event in journal.read():
            fold(event)
        await manuscript.settle()
        await restoring.settle()
        print("open", flush=True)
        if not history.revisions:
            for number in range(8):
                for version in range(3):
                    text = f"Version {version} of {number}. " * 30
                    mode = "overwrite" if version else "create"
                    await manuscript.write(f"{version}.{number}", f"f{number}.md", text, mode, lambda w: "ok")
        while True:
            for number in (8, 17, 24, 3, 21):
                now = {file: ledger.disk(file) for file in ledger.files()}
                files = same_files(now, state_at(history.revisions, number))
                print(number, flush=True)
                await restoring.restore(files, f"the book as of revision {number}")

    asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_kill_at_any_moment_leaves_the_book_as_it_was_at_the_moment_asked_for(
    root: Path, run_child: Callable[..., subprocess.Popen[str]], open_book: Callable[..., Any]
) -> None:
    chance = random.Random(11)
    cut = 0
    for _ in range(12):
        child = run_child(RESTORES)
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n", child.stderr.read() if child.stderr else ""
        asked = 0
        for _ in range(chance.randint(1, 6)):
            line = child.stdout.readline()
            assert line, child.stderr.read() if child.stderr else ""
            asked = int(line)
        await asyncio.sleep(chance.random() * 0.03)
        child.kill()
        child.wait()
        book = open_book()
        finished = len(book.named(ev.RestoreFinished))
        await book.manuscript.settle()
        await book.restoring.settle()
        await book.journal.durable()
        cut += len(book.named(ev.RestoreFinished)) - finished
        assert await book.watcher().scan(full=True) == []
        begun = book.named(ev.RestoreBegun)
        # The last one begun may not have been durable yet: then the one before it stands.
        last = int(begun[-1].why.rsplit(" ", 1)[1]) if begun else asked
        revisions = History(book.events).revisions
        on_disk = {file.name: sha256_of(file.read_text()) for file in root.glob("*.md")}
        assert on_disk == state_at(revisions, last)
        assert same_files(on_disk, state_at(revisions, len(revisions))) == {}
        await book.close()
        assert list((root / ".studio/tmp").iterdir()) == []
    assert cut > 2, "no kill came in the middle of a restore"

"""Kills at any moment of a write: every call is carried out once, and no file is half written."""

import asyncio
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.book.journal import sha256_of

BEFORE, AFTER = "One is here.\n", "One is here.\nTwo is new.\n"
MINE = "One was here.\n"

WRITES = """
    import asyncio, sys
    from pathlib import Path
    from studio.book.files import Folder
    from studio.book.journal import Journal
    from studio.book.ledger import Ledger
    from studio.book.manuscript import Manuscript

    async def main(root):
        journal, ledger = Journal.open(root), Ledger()
        for event in journal.read():
            ledger.apply(event)
        def record(event, *texts):
            stamped = journal.append(event, *texts)
            ledger.apply(stamped)
            return stamped
        manuscript = Manuscript(Folder(root), journal, ledger, record)
        done = {event.id for event in journal.read() if type(event).__name__ == "FileWritten"}
        done |= set(await manuscript.settle())
        print("open", flush=True)
        for number in range(400):
            if f"{number}" in done:
                continue
            mode = "create" if number % 5 == 0 else "append"
            text = f"Piece {number} of the book. " * 40 + "\\n"
            await manuscript.write(f"{number}", f"file_{number // 5:02}.md", text, mode, lambda w: "ok")
            print(number, flush=True)

    asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_kill_at_any_moment_leaves_every_call_carried_out_once_and_no_half_file(
    root: Path, run_child: Callable[..., subprocess.Popen[str]], open_book: Callable[..., Any]
) -> None:
    chance = random.Random(7)
    highest = -1
    for _ in range(12):
        child = run_child(WRITES)
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n", child.stderr.read() if child.stderr else ""
        for _ in range(chance.randint(1, 12)):
            line = child.stdout.readline()
            assert line, child.stderr.read() if child.stderr else ""
            highest = max(highest, int(line))
        await asyncio.sleep(chance.random() * 0.006)  # somewhere inside the write that follows
        child.kill()
        child.wait()
    book = open_book()
    await book.manuscript.settle()
    await book.journal.durable()
    assert highest > 12
    written = [event.id for event in book.named(ev.FileWritten)]
    assert len(written) == len(set(written))
    assert set(written) >= {str(number) for number in range(highest + 1)}
    for number in range(max(map(int, written)) // 5 + 1):
        there = [f"Piece {n} of the book. " * 40 + "\n" for n in range(number * 5, number * 5 + 5) if str(n) in written]
        text = (root / f"file_{number:02}.md").read_text()
        assert text == "".join(there)
        assert book.ledger.disk(f"file_{number:02}.md") == sha256_of(text)
    assert list((root / ".studio/tmp").iterdir()) == []


def intend(book: Any, before: str | None, text: str, temp: str, mode: str = "append") -> None:
    book.record(
        ev.WriteIntended(
            id="9.0",
            file="a.md",
            before="" if before is None else sha256_of(before),
            sha256=sha256_of(text),
            agent_sha256=sha256_of(text),
            mode=mode,
            temp=temp,
            result="the answer",
        ),
        text,
    )


@pytest.mark.parametrize(
    ("staged", "disk", "done", "becomes"),
    [
        (None, BEFORE, False, BEFORE),  # killed before the temporary file was there
        (AFTER, BEFORE, False, BEFORE),  # killed before the exchange
        (BEFORE, AFTER, True, AFTER),  # killed after the exchange
        (MINE, AFTER, True, "One was here.\nTwo is new.\n"),  # and an editor's save was displaced by it
        (None, AFTER, True, AFTER),  # killed before file_written was durable
        (BEFORE, "One is here.\nTwo is new.\nThree is mine.\n", True, "One is here.\nTwo is new.\nThree is mine.\n"),
        (None, "One is here.\nTwo is new.\nThree is mine.\n", True, "One is here.\nTwo is new.\nThree is mine.\n"),
        (None, MINE, False, MINE),  # the author saved while the studio was closed, before the exchange
        (AFTER, MINE, False, MINE),
    ],
)
async def test_an_intent_is_settled_by_what_is_on_disk(
    staged: str | None, disk: str, done: bool, becomes: str, open_book: Callable[..., Any], root: Path
) -> None:
    book = open_book()
    await book.write("a.md", BEFORE, id="1.0")
    intend(book, BEFORE, AFTER, "x.tmp")
    await book.journal.durable()
    (root / "a.md").write_text(disk)
    if staged is not None:
        (root / ".studio/tmp/x.tmp").write_text(staged)
    await book.close()
    again = open_book()
    assert await again.manuscript.settle() == ({"9.0": "the answer"} if done else {})
    assert (root / "a.md").read_text() == becomes
    assert await again.manuscript.settle() == {}
    await again.manuscript.close()
    assert list((root / ".studio/tmp").iterdir()) == []
    if staged == MINE:
        assert again.journal.text(sha256_of(MINE)) == MINE


@pytest.mark.parametrize("then", ["nothing", "a rename over it"])
async def test_a_new_file_that_was_linked_in_place_counts_as_written(
    then: str, open_book: Callable[..., Any], root: Path
) -> None:
    book = open_book()
    intend(book, None, AFTER, "x.tmp", "create")
    await book.journal.durable()
    book.folder.stage("x.tmp", AFTER)
    assert book.folder.put("x.tmp", "a.md") is False
    if then != "nothing":
        (root / "new").write_text(AFTER + "Three is mine.\n")
        (root / "new").rename(root / "a.md")
    await book.close()
    again = open_book()
    assert await again.manuscript.settle() == {"9.0": "the answer"}
    assert list((root / ".studio/tmp").iterdir()) == []
    assert again.folder.name("a.md") == "a.md"  # no link is left that would have it refused


async def test_a_save_displaced_before_a_crash_is_found_although_the_write_was_recorded(
    open_book: Callable[..., Any], root: Path
) -> None:
    book = open_book()
    await book.write("a.md", BEFORE, id="1.0")
    await book.write("a.md", "Two is new.\n", "append", id="2.0")
    (temp,) = book.folder.temps()  # still looked after
    await book.journal.durable()
    # The studio ends here, as if killed: what the editor wrote through its open handle is only in that file.
    await book.journal.close()
    (root / ".studio/tmp" / temp).write_text(MINE)
    again = open_book()
    await again.manuscript.settle()
    assert (root / "a.md").read_text() == "One was here.\nTwo is new.\n"
    assert [event.sha256 for event in again.named(ev.AuthorEdited)] == [sha256_of(MINE)]
    await again.manuscript.close()
    assert list((root / ".studio/tmp").iterdir()) == []


async def test_a_write_that_a_crash_prevented_hides_no_save_of_the_authors(
    open_book: Callable[..., Any], root: Path
) -> None:
    book = open_book()
    await book.write("a.md", BEFORE, id="1.0")
    intend(book, BEFORE, AFTER, "x.tmp")
    await book.journal.durable()
    await book.close()
    (root / "a.md").write_text(MINE)
    again = open_book()
    assert await again.manuscript.settle() == {}
    watcher = again.watcher(hints=False)
    await watcher.scan(full=True)
    (root / "a.md").write_text(BEFORE)
    await watcher.scan(full=True)
    assert [event.sha256 for event in again.named(ev.AuthorEdited)] == [sha256_of(MINE), sha256_of(BEFORE)]

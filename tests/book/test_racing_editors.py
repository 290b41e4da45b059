"""Editors that save at the very moment the agent writes: no save is lost, and what both wrote comes together."""

import asyncio
import contextlib
import re
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import Journal, sha256_of
from studio.book.locks import Locked
from studio.book.manuscript import WriteRefused
from studio.errors import BookUnsaved

# Both print, for each save, the name of its text, and 1 if the save before it was no longer what stood on disk.
WRITTEN = 30  # times the agent writes while an editor saves

RENAMES = """
    import hashlib, os, sys, time, random
    path, seed = os.path.join(sys.argv[1], "a.md"), int(sys.argv[2])
    chance = random.Random(seed)
    print("ready", flush=True)
    sys.stdin.readline()
    text, number = "", -1
    while not os.path.exists(os.path.join(sys.argv[1], "enough")):
        number += 1
        body = open(path, newline="").read()
        gone = int(body != text)
        lines = [line for line in body.split("\\n") if not line.startswith("Author")]
        text = "\\n".join(["Author wrote line %d here." % number, *lines])
        with open(path + ".new~", "w", newline="") as file:
            file.write(text)
        os.rename(path + ".new~", path)
        print(hashlib.sha256(text.encode()).hexdigest(), gone, flush=True)
        time.sleep(chance.random() * 0.02)
"""

IN_PLACE = """
    import hashlib, os, sys, time, random
    path, seed = os.path.join(sys.argv[1], "a.md"), int(sys.argv[2])
    chance = random.Random(seed)
    print("ready", flush=True)
    sys.stdin.readline()
    text, number = "", -1
    while not os.path.exists(os.path.join(sys.argv[1], "enough")):
        number += 1
        gone = int(open(path, newline="").read() != text)
        text = "# One\\n\\n" + "".join("Author wrote line %d here. " % n for n in range(number + 1)) + "\\nEnd.\\n"
        with open(path, "w", newline="") as file:
            file.write(text[:20])
            file.flush()
            file.write(text[20:])
        print(hashlib.sha256(text.encode()).hexdigest(), gone, flush=True)
        time.sleep(chance.random() * 0.02)
"""


def everything(book: Any, root: Path) -> list[str]:
    """All texts there are: on disk, and every version."""
    shas = {event.sha256 for event in book.named(ev.AuthorEdited, ev.FileWritten) if event.sha256}
    return [(root / "a.md").read_text(), *(book.journal.text(sha) for sha in shas)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("editor", [RENAMES, IN_PLACE], ids=["renames", "in place"])
async def test_no_save_of_a_racing_editor_is_lost(
    editor: str,
    seed: int,
    open_book: Callable[..., Any],
    root: Path,
    run_child: Callable[..., subprocess.Popen[str]],
) -> None:
    book = open_book(look_again=1.0)
    await book.write("a.md", "# One\n\nIt began.\n\nEnd.\n", id="0")
    child = run_child(editor, str(seed))
    assert child.stdout is not None and child.stdin is not None
    child.stdout.readline()
    child.stdin.write("go\n")
    child.stdin.flush()
    for number in range(WRITTEN):
        await book.write("a.md", f"Agent wrote piece {number} here.\n", "append", id=f"{number + 1}")
    (root / "enough").touch()
    saved = [line.split() for line in await asyncio.to_thread(child.stdout.readlines)]
    await book.manuscript.close()
    assert f"Author wrote line {len(saved) - 1} here." in (root / "a.md").read_text(), "the last save is not on disk"
    # A save that the agent's write displaced is a version; the others were followed by the editor's own next one.
    displaced = [sha for (sha, _), (_, gone) in pairwise(saved) if gone == "1"]
    assert displaced, "nothing raced"
    assert [sha for sha in displaced if not book.journal.has_text(sha)] == []
    agents = set(re.findall(r"Agent wrote piece (\d+)", "".join(everything(book, root))))
    assert agents == {str(number) for number in range(WRITTEN)}


class InBetween(Folder):
    """A folder where something happens right before and right after each exchange."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.before: Callable[[str], object] = str
        self.after: Callable[[str], object] = str

    def put(self, temp: str, name: str, *, over: bool = False) -> bool:
        self.before(temp)
        displaced = super().put(temp, name, over=over)
        self.after(temp)
        return displaced


BEFORE, AFTER = "One is here.\n", "One is here.\nTwo is new.\n"
MINE = "One was here.\n"


@pytest.mark.parametrize("mode", ["append", "overwrite"])
async def test_a_save_between_the_look_and_the_exchange_is_merged_before_the_write_returns(
    mode: str, open_book: Callable[..., Any], root: Path
) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder)
    await book.write("a.md", BEFORE, id="1.0")
    saves = iter([MINE])
    folder.before = lambda _: [(root / "a.md").write_text(text) for text in saves]
    await book.write("a.md", "Two is new.\n" if mode == "append" else AFTER, mode, id="2.0")
    assert (root / "a.md").read_text() == "One was here.\nTwo is new.\n"
    assert [event.sha256 for event in book.named(ev.AuthorEdited)] == [sha256_of(MINE)]
    assert book.ledger.disk("a.md") == sha256_of("One was here.\nTwo is new.\n")
    # The agent was not told yet: a stale write keeps the author's word all the same.
    await book.write("a.md", AFTER + "Three.\n", "overwrite", id="3.0")
    assert (root / "a.md").read_text() == "One was here.\nTwo is new.\nThree.\n"


async def test_an_editor_that_saves_at_every_exchange_loses_nothing(open_book: Callable[..., Any], root: Path) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder)
    await book.write("a.md", BEFORE, id="1.0")
    saves = iter([f"One was here {'very ' * number}long.\n" for number in range(25)])

    def save(_: str) -> None:
        text = next(saves, None)
        if text is not None:  # the editor's buffer never saw the agent's line
            (root / "new").write_text(text)
            (root / "new").rename(root / "a.md")

    folder.before = save
    await book.write("a.md", AFTER, "overwrite", id="2.0")
    assert (root / "a.md").read_text() == f"One was here {'very ' * 24}long.\nTwo is new.\n"
    assert len(book.named(ev.AuthorEdited)) == 25


async def test_an_editor_that_has_just_emptied_the_file_is_waited_for(
    open_book: Callable[..., Any], root: Path, until: Callable[..., Any]
) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder, look_again=0.3)
    await book.write("a.md", BEFORE, id="1.0")
    with (root / "a.md").open("r+") as editor:
        emptied = iter([1])
        folder.before = lambda _: [editor.truncate() for _ in emptied]
        await book.write("a.md", AFTER, "overwrite", id="2.0")
        editor.write(MINE)
    await until(lambda: (root / "a.md").read_text() == "One was here.\nTwo is new.\n")


async def test_a_file_removed_at_the_very_moment_of_a_write_stays_removed(
    open_book: Callable[..., Any], root: Path
) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder)
    await book.write("a.md", BEFORE, id="1.0")
    removals = iter([1])
    folder.before = lambda _: [(root / "a.md").unlink() for _ in removals]
    with pytest.raises(WriteRefused, match=r"The author removed a\.md"):
        await book.write("a.md", "Two is new.\n", "append", id="2.0")
    assert not (root / "a.md").exists()
    assert [event.sha256 for event in book.named(ev.AuthorEdited)] == [""]
    with pytest.raises(WriteRefused, match=r"The author removed a\.md"):
        await book.write("a.md", AFTER, "overwrite", id="3.0")


async def test_an_editor_that_saves_by_taking_the_file_away_first_is_waited_for(
    open_book: Callable[..., Any], root: Path
) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder)
    await book.write("a.md", BEFORE, id="1.0")
    saves = iter([MINE])

    def save(_: str) -> None:
        for text in saves:
            (root / "a.md").rename(root / "a.md~")
            threading.Timer(0.03, (root / "a.md").write_text, [text]).start()

    folder.before = save
    await book.write("a.md", "Two is new.\n", "append", id="2.0")
    assert (root / "a.md").read_text() == "One was here.\nTwo is new.\n"
    assert [event.sha256 for event in book.named(ev.AuthorEdited)] == [sha256_of(MINE)]


async def test_what_stood_in_the_file_before_is_appended_all_the_same(
    open_book: Callable[..., Any], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = open_book()
    await book.write("a.md", "One is here.\n\n* * *\n", id="1.0")
    saves = iter(["One was here.\n\n* * *\n"])
    stage = book.folder.stage

    def save(temp: str, text: str) -> None:
        stage(temp, text)
        for saved in saves:
            (root / "a.md").write_text(saved)

    monkeypatch.setattr(book.folder, "stage", save)
    await book.write("a.md", "\n* * *\n", "append", id="2.0")
    assert (root / "a.md").read_text() == "One was here.\n\n* * *\n\n* * *\n"


async def test_after_a_write_that_was_refused_half_way_every_save_is_seen(
    open_book: Callable[..., Any], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = open_book()
    await book.write("a.md", BEFORE, id="1.0")
    saves = iter([BEFORE + "<!-- lock -->\nThe end.\n"])
    stage = book.folder.stage

    def save(temp: str, text: str) -> None:
        stage(temp, text)
        for saved in saves:
            (root / "a.md").write_text(saved)

    monkeypatch.setattr(book.folder, "stage", save)
    with pytest.raises(Locked):
        await book.write("a.md", "Two is new.\n", "append", id="2.0")
    (root / "a.md").write_text(BEFORE)  # what the file held when the write began
    watcher = book.watcher(hints=False)
    assert [event.sha256 for event in await watcher.scan(full=True)] == [sha256_of(BEFORE)]
    assert book.ledger.unsettled() == []


async def test_a_new_file_that_an_editor_replaces_at_once_is_not_doubled(
    open_book: Callable[..., Any], root: Path
) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder, look_again=0.1)

    def save(_: str) -> None:
        (root / "new").write_text(AFTER + "Three is mine.\n")
        (root / "new").rename(root / "a.md")

    folder.after = save
    await book.write("a.md", AFTER, id="1.0")
    folder.after = str
    await book.manuscript.close()
    assert await book.watcher(hints=False).scan(full=True) != []
    assert (root / "a.md").read_text() == AFTER + "Three is mine.\n"
    assert [event.sha256 for event in book.named(ev.AuthorEdited)] == [sha256_of(AFTER + "Three is mine.\n")]


@pytest.mark.parametrize("mode", ["append", "overwrite"])
async def test_a_save_with_other_line_ends_before_the_exchange_keeps_them(
    mode: str, open_book: Callable[..., Any], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = open_book()
    await book.write("a.md", BEFORE, id="1.0")
    saves = iter([MINE.replace("\n", "\r\n")])
    stage = book.folder.stage

    def save(temp: str, text: str) -> None:
        stage(temp, text)
        for saved in saves:
            (root / "a.md").write_bytes(saved.encode())

    monkeypatch.setattr(book.folder, "stage", save)
    await book.write("a.md", "Two is new.\n" if mode == "append" else AFTER, mode, id="2.0")
    assert (root / "a.md").read_bytes() == b"One was here.\r\nTwo is new.\r\n"


async def test_a_save_in_another_encoding_goes_back_to_its_place(open_book: Callable[..., Any], root: Path) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder)
    await book.write("a.md", BEFORE, id="1.0")
    saves = iter([b"caf\xe9"])
    folder.before = lambda _: [(root / "a.md").write_bytes(body) for body in saves]
    with pytest.raises(WriteRefused, match="not UTF-8"):
        await book.write("a.md", AFTER, "overwrite", id="2.0")
    assert (root / "a.md").read_bytes() == b"caf\xe9"
    assert await book.manuscript.settle() == {}
    await book.manuscript.close()
    assert (root / "a.md").read_bytes() == b"caf\xe9"
    assert list((root / ".studio/tmp").iterdir()) == []


async def test_the_file_is_not_touched_before_the_intent_is_on_disk(open_book: Callable[..., Any], root: Path) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder)
    found: list[ev.AnyEvent | None] = []
    folder.before = lambda _: found.append(Journal.open_readonly(root).last())
    other = sqlite3.connect(root / ".studio/journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # nothing can be committed while this lasts
    writing = asyncio.create_task(book.write("a.md", AFTER))
    await asyncio.sleep(0.3)
    assert found == [] and not (root / "a.md").exists()
    other.execute("ROLLBACK")
    other.close()
    await writing
    (intent,) = found
    assert isinstance(intent, ev.WriteIntended)
    assert Journal.open_readonly(root).text(intent.sha256) == AFTER


@pytest.mark.parametrize("before", [None, BEFORE])
async def test_a_write_that_failed_after_the_exchange_is_not_made_twice(
    before: str | None, open_book: Callable[..., Any], root: Path
) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder)
    if before is not None:
        await book.write("a.md", before, id="1.0")
    failures = iter([BookUnsaved("the folder could not be flushed")])

    def fail(_: str) -> None:
        for failure in failures:
            raise failure

    folder.after = fail
    with pytest.raises(BookUnsaved):
        await book.write("a.md", "Two is new.\n", "append", id="2.0")
    written = await book.write("a.md", "Two is new.\n", "append", id="2.0")
    assert (root / "a.md").read_text() == written.text == (before or "") + "Two is new.\n"
    assert [event.id for event in book.named(ev.FileWritten)][-1:] == ["2.0"]
    assert book.named(ev.AuthorEdited) == []
    assert book.folder.name("a.md") == "a.md"


async def test_a_scan_in_the_middle_of_the_agents_write_sees_nothing_of_the_authors(
    open_book: Callable[..., Any], root: Path
) -> None:
    folder = InBetween(root)
    book = open_book(folder=folder)
    watcher = book.watcher(hints=False)
    loop = asyncio.get_running_loop()

    def scan(_: str) -> None:
        assert asyncio.run_coroutine_threadsafe(watcher.scan(full=True), loop).result(20) == []

    folder.before = folder.after = scan
    for number in range(3):
        await book.write("a.md", f"Line {number}.\n", "append", id=f"{number}")
    assert await watcher.scan(full=True) == []
    (root / "a.md").write_text(MINE)
    assert len(await watcher.scan()) == 1


def test_a_temporary_file_is_whole_from_the_moment_it_is_there(root: Path) -> None:
    folder = Folder(root)
    text = "x" * 20_000_000
    path = folder.temp_path("t.tmp")
    sizes: set[int] = set()
    staging = threading.Thread(target=folder.stage, args=("t.tmp", text))
    staging.start()
    while staging.is_alive():
        with contextlib.suppress(FileNotFoundError):
            sizes.add(path.stat().st_size)
    staging.join()
    assert sizes <= {len(text)}
    assert path.stat().st_size == len(text)

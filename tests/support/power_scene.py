"""A short day of a book, played with the real store: run as a script, under strace, it says what it was promised.

Lines on standard output, each one write:

    ack SEQ KIND SHA256-OF-THE-EVENT FILE SHA256    an event is durable
    saving FILE                                     an author's editor is about to write into a file
    saved FILE SHA256                               and has flushed its save
    unflushed FILE SHA256                           and has not
    removed FILE                                    the author is about to take a file away
    settings FILE SHA256                            the studio has changed the author's settings
    damaged                                         the record is broken from here on
    kept SHA256                                     a broken record was set aside
    part NAME                                       a part of the day begins
"""

import asyncio
import contextlib
import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from power_broken import BROKEN

from studio import events as ev
from studio.agent.open_book import OpenBook
from studio.book import exchange
from studio.book.files import Folder
from studio.book.layout import SETTINGS, create_book, update_settings
from studio.book.manuscript import Manuscript, WriteRefused

LOOK_AGAIN = 0.1  # seconds until a displaced file goes
ONE, TWO, PEOPLE, OUTLINE, MINE = "chapter_01.md", "chapter_02.md", "bible/people.md", "outline.md", "notes/mine.md"


def say(*words: object) -> None:
    os.write(1, " ".join(str(word) or "-" for word in words).encode() + b"\n")


def sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def prose(name: str, sentences: int) -> str:
    """A chapter of about 90 bytes a sentence, no two alike."""
    lines = [
        f"In sentence {n} of {name} the tide {'rose' if n % 2 else 'fell'} by {n * 7} hands, said Élodie."
        for n in range(sentences)
    ]
    return f"# {name}\n\n" + "\n\n".join(" ".join(lines[n : n + 4]) for n in range(0, sentences, 4)) + "\n"


class Author:
    """An editor: every save is flushed before it is called one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, file: str, body: bytes, *, flush: bool = True) -> None:
        """Truncate, write in two goes, flush."""
        say("saving", file)
        self._put(os.open(self._root / file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), file, body, flush=flush)

    def open(self, file: str) -> int:
        """Begin a save in place that `save_into` ends."""
        say("saving", file)
        return os.open(self._root / file, os.O_WRONLY)

    def save_into(self, handle: int, file: str, body: bytes) -> None:
        os.ftruncate(handle, 0)
        self._put(handle, file, body)

    def _put(self, handle: int, file: str, body: bytes, *, flush: bool = True) -> None:
        half = len(body) // 2
        os.write(handle, body[:half])
        os.write(handle, body[half:])
        if flush:
            os.fsync(handle)
        os.close(handle)
        say("saved" if flush else "unflushed", file, sha(body))

    def save_over(self, file: str, body: bytes) -> None:
        """Write a new file, flush it, rename it over the old one, flush the folder."""
        path = self._root / file
        new = path.with_name(f"{path.name}.new~")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(handle, body)
        os.fsync(handle)
        os.close(handle)
        new.rename(path)
        flush(path.parent)
        say("saved", file, sha(body))

    def make_folder(self, name: str) -> None:
        """As a file browser does: nothing is flushed."""
        (self._root / name).mkdir()

    def remove(self, file: str) -> None:
        say("removed", file)
        (self._root / file).unlink()
        flush((self._root / file).parent)


class InBetween(Folder):
    """A folder where something happens right before and right after each exchange."""

    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None

    def put(self, temp: str, name: str, *, over: bool = False) -> bool:
        before, self.before = self.before, None
        if before is not None:
            before()
        displaced = super().put(temp, name, over=over)
        after, self.after = self.after, None
        if after is not None:
            after()
        return displaced


class Scene:
    """The book opened as a run opens it, and a printer that hears of an event once it is durable."""

    def __init__(self, root: Path, look_again: float = LOOK_AGAIN) -> None:
        self.book = OpenBook.open(root)
        self.book.journal.on_committed(acknowledge)
        self.folder = InBetween(root)
        book = self.book
        self.manuscript = Manuscript(self.folder, book.journal, book.ledger, book.record, look_again=look_again)
        self.record = book.record

    async def write(self, id: str, file: str, text: str, mode: str = "create") -> None:
        self.record(ev.ToolStarted(id=id, name="write_file"))
        await self.manuscript.write(id, file, text, mode, lambda written: f"{written.words} words")  # type: ignore[arg-type]
        self.record(ev.ToolFinished(id=id, name="write_file", ok=True, result="wrote it"))
        await self.book.journal.durable()

    async def edit(self, id: str, file: str, old: str, new: str) -> None:
        await self.manuscript.edit(id, file, old, new, lambda written: f"{written.words} words")
        await self.book.journal.durable()

    async def read(self, file: str) -> str:
        text = await self.manuscript.read(file)
        assert text is not None
        self.record(ev.FileRead(file=file, sha256=self.book.ledger.disk(file)))
        return text

    async def scan(self) -> None:
        await self.book.watcher.scan(full=True)
        await self.book.journal.durable()

    async def looked_again(self) -> None:
        """Wait until nothing that was displaced is left."""
        while self.folder.temps():
            await asyncio.sleep(LOOK_AGAIN / 4)
        await self.book.journal.durable()

    async def close(self) -> None:
        await self.manuscript.close()
        await self.book.close()


def acknowledge(event: ev.Event) -> None:
    file, sha256 = getattr(event, "file", ""), getattr(event, "sha256", "")
    say("ack", event.seq, event.__struct_config__.tag, sha(ev.encode(event)), file, sha256)


def new_book(base: Path) -> Path:
    root = create_book(base / "projects", "A book about the tide, with a lighthouse in it", "tide")
    say("settings", SETTINGS, sha((root / SETTINGS).read_bytes()))
    return root


async def a_day(base: Path) -> None:
    """The agent writes, the author saves in every way there is, the book is closed and opened again."""
    root = new_book(base)
    author = Author(root)
    scene = Scene(root)
    await first_step(scene)
    await the_author_saves(scene, author, root)
    await the_author_races(scene, author, root)
    checkpoint(root)
    await scene.write("4.1", TWO, prose("Flow, once more", 10), "append")
    await scene.close()
    scene = Scene(root, look_again=1000)
    assert await scene.manuscript.settle() == {}
    await the_author_removes(scene, author, root)
    await scene.close()


async def first_step(scene: Scene) -> None:
    say("part", "first_step")
    record = scene.record
    record(ev.RunStarted(book="tide", backend="openai", model="m", context=100_000))
    record(ev.ConversationStarted(system="You write books. " * 40, prompt="A book about the tide"))
    record(ev.StepStarted(step=1, limit=300))
    for kind in (ev.ReasoningDelta, ev.ReplyDelta):
        for number in range(30):
            record(kind(text=f"A thought of {number} words. "))
        await scene.book.journal.durable()
    record(ev.ProseDelta(file=ONE, text=prose("Ebb", 40)))
    call = ev.ToolCall(id="call_1", name="write_file", arguments="{}")
    record(ev.ReplyFinished(tool_calls=(call,), finish_reason="tool_calls"))
    await scene.write("1.1", OUTLINE, prose("Outline", 8))
    await scene.write("1.2", ONE, prose("Ebb", 90))
    await scene.write("1.3", PEOPLE, prose("Élodie", 6))
    await scene.write("1.4", ONE, prose("Ebb, later", 12), "append")
    text = await scene.read(ONE)
    await scene.write("1.5", ONE, text.replace("sentence 2 ", "sentence two "), "overwrite")
    await scene.edit("1.6", ONE, "In sentence 3 of Ebb the", "In sentence three of Ebb the")
    await scene.write("1.7", TWO, prose("Flow", 60))
    await scene.looked_again()
    record(ev.StepFinished(step=1, usage=ev.Usage(prompt_tokens=9), context_tokens=9, cost=None))
    await scene.book.journal.durable()


def changed(root: Path, file: str, old: str, new: str) -> bytes:
    text = (root / file).read_text()
    assert text.count(old) == 1, (file, old, text.count(old))
    return text.replace(old, new).encode()


async def the_author_saves(scene: Scene, author: Author, root: Path) -> None:
    say("part", "the_author_saves")
    author.save(ONE, changed(root, ONE, "In sentence 5 of Ebb the", "In the author's sentence the"))
    await scene.scan()
    author.save_over(TWO, changed(root, TWO, "In sentence 5 of Flow the", "In the author's sentence the"))
    await scene.write("2.1", TWO, prose("Flow, later", 12), "append")  # finds the save by itself
    scene.record(ev.NoteGiven(text="Élodie never speaks of her brother."))
    await scene.book.journal.durable()
    author.save(ONE, changed(root, ONE, "In sentence 9 of Ebb the", "In a sentence never flushed the"), flush=False)
    await scene.scan()
    await scene.write("2.2", ONE, prose("Ebb, at last", 8), "append")
    author.make_folder("notes")
    await scene.write("2.3", "notes/agents.md", "# Of the agent\n\nThe tide table is wrong.\n")
    author.save_over(MINE, b"# Mine\n\nThe brother drowned.\n")
    await scene.scan()
    await asyncio.to_thread(update_settings, root, title="Ebb and Flow")
    say("settings", SETTINGS, sha((root / SETTINGS).read_bytes()))
    scene.record(ev.TitleGiven(title="Ebb and Flow"))
    await scene.looked_again()


async def the_author_races(scene: Scene, author: Author, root: Path) -> None:
    """Saves between the last look at a file and the exchange, by rename and through a handle opened before."""
    say("part", "the_author_races")
    mine = changed(root, ONE, "In sentence 12 of Ebb the", "In a sentence by rename the")
    text = await scene.read(ONE)
    scene.folder.before = lambda: author.save_over(ONE, mine)
    await scene.write("3.1", ONE, text.replace("sentence 20 of Ebb ", "sentence twenty of Ebb "), "overwrite")
    await scene.looked_again()
    mine = changed(root, TWO, "In sentence 12 of Flow the", "In a sentence in place the")
    scene.folder.before = lambda: author.save(TWO, mine)
    await scene.write("3.2", TWO, prose("Flow, and on", 8), "append")
    await scene.looked_again()
    late = changed(root, ONE, "In sentence 30 of Ebb the", "In a sentence that came late the")
    text = await scene.read(ONE)
    handles: list[int] = []
    scene.folder.before = lambda: handles.append(author.open(ONE))
    scene.folder.after = lambda: author.save_into(handles.pop(), ONE, late)
    await scene.write("3.3", ONE, text.replace("sentence 40 of Ebb ", "sentence forty of Ebb "), "overwrite")
    await scene.looked_again()
    # What the agent does not know to be there is displaced like anything else.
    scene.folder.before = lambda: author.save_over("chapter_03.md", b"# Mine\n\nThe author was first.\n")
    await scene.write("3.4", "chapter_03.md", prose("Slack", 5))
    await scene.looked_again()


async def the_author_removes(scene: Scene, author: Author, root: Path) -> None:
    """The author takes files away, also one that was saved and displaced a moment before, and saves what is no text."""
    say("part", "the_author_removes")
    author.remove(OUTLINE)
    await scene.scan()
    mine = changed(root, TWO, "In sentence 20 of Flow the", "In a sentence soon removed the")

    def save_and_remove() -> None:
        author.remove(TWO)

    scene.folder.before = lambda: author.save_over(TWO, mine)
    scene.folder.after = save_and_remove
    await scene.write("5.1", TWO, prose("Flow, in vain", 8), "append")
    await scene.manuscript.close()  # looks at once
    await scene.book.journal.durable()
    scene.folder.before = lambda: author.save_over(PEOPLE, b"caf\xe9, in another encoding")
    with contextlib.suppress(WriteRefused):
        await scene.write("5.2", PEOPLE, prose("Élodie, later", 4), "append")
    handles: list[int] = []
    scene.folder.before = lambda: handles.append(author.open(MINE))
    await scene.write("5.3", MINE, "The agent adds a line.\n", "append")
    author.save_into(handles.pop(), MINE, b"caf\xe9, late, in another encoding")
    await scene.manuscript.close()
    late = (root / "chapter_03.md").read_bytes() + b"The author was last.\n"
    scene.folder.before = lambda: handles.append(author.open("chapter_03.md"))
    await scene.write("5.4", "chapter_03.md", "The agent adds a line.\n", "append")
    author.save_into(handles.pop(), "chapter_03.md", late)
    author.remove("chapter_03.md")
    await scene.manuscript.close()
    scene.record(ev.RunFinished(reason="stopped"))
    await scene.book.journal.durable()


def checkpoint(root: Path) -> None:
    """What SQLite does by itself once the log is long: the next record begins the log anew."""
    other = sqlite3.connect(root / ".studio/journal.db")
    other.execute("PRAGMA synchronous = FULL")
    other.execute("PRAGMA wal_checkpoint(RESTART)")
    other.close()


async def a_damaged_record(base: Path) -> None:
    """A record with a page gone bad is opened: what can be read of it goes on."""
    root = new_book(base)
    scene = Scene(root)
    await first_step(scene)
    checkpoint(root)
    scene.record(ev.NoteGiven(text="This stands in the log alone."))
    await scene.book.journal.durable()
    files = [root / ".studio/journal.db", root / ".studio/journal.db-wal"]
    bodies = [file.read_bytes() for file in files]
    await scene.close()
    bodies[0] = bodies[0][: 3 * 4096] + b"\xff" * 64 + bodies[0][3 * 4096 + 64 :]
    for file, body in zip(files, bodies, strict=True):  # as a crash leaves them, and a bad page
        file.write_bytes(body)
        flush(file)
    flush(files[0].parent)
    say("part", "recovery")
    say("damaged")
    scene = Scene(root)
    assert scene.book.journal.recovered
    for aside in root.glob(".studio/journal.corrupt-*.db"):
        say("kept", sha(aside.read_bytes()))
    scene.record(ev.NoteGiven(text="It goes on."))
    await scene.book.journal.durable()
    await scene.close()


def flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


async def a_day_without_exchange(base: Path) -> None:
    """The same on a file system that can't exchange two files."""
    exchange._rename = lambda *_: False
    await a_day(base)


SCENES: dict[str, Any] = {"day": a_day, "plain": a_day_without_exchange, "damaged": a_damaged_record}

if __name__ == "__main__":
    scene_name, broken_name, place = sys.argv[1:]
    if broken_name != "-":
        BROKEN[broken_name].break_it()
    asyncio.run(SCENES[scene_name](Path(place)))

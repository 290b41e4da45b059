"""What must be true of a book after a power cut: promises gathered from a recorded day, held against one legal disk."""

import asyncio
import hashlib
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from power_disk import Disk
from power_trace import calls

from studio import events as ev
from studio.agent.open_book import OpenBook
from studio.book.recovery import unpack

BOOK = "projects/tide"
RECORD = ".studio/journal.db"
_UNTOLD = ("lock",)  # files of the record that promise nothing: their content makes no other state
_AT_ONCE = 8  # books that are opened side by side: opening one waits a moment where a file is gone

Tree = dict[str, bytes | None]
ANY = "any"  # a content that the author's own editor was cut in


@dataclass(frozen=True)
class Lost:
    """A promise that was not kept."""

    kind: str
    what: str


@dataclass
class Promises:
    """What has been promised up to a moment of the day."""

    events: dict[int, tuple[str, str]] = field(default_factory=dict)  # seq -> (sha256 of the event, kind)
    authors: dict[str, str] = field(default_factory=dict)  # sha256 of what was flushed or acknowledged -> file
    contents: dict[str, list[str]] = field(default_factory=dict)  # file -> what it may hold now: sha256, "" = no file
    removed: set[str] = field(default_factory=set)
    damaged: bool = False  # the record was broken beforehand

    def may_hold(self, file: str, content: str) -> None:
        """The file holds this now, and may after a cut, until something newer is promised."""
        known = self.contents.setdefault(file, [""])
        if known[-1] != content:
            known.append(content)

    def must_hold(self, file: str, content: str) -> None:
        """What was before this content of the file must not come back."""
        known = self.contents.setdefault(file, [""])
        if content in known:
            del known[: len(known) - 1 - known[::-1].index(content)]

    @property
    def held(self) -> int:
        """Tells one set of promises from another."""
        return hash((len(self.events), *self.authors, *(text for known in self.contents.values() for text in known)))

    def copy(self) -> "Promises":
        contents = {file: list(known) for file, known in self.contents.items()}
        return Promises(dict(self.events), dict(self.authors), contents, set(self.removed), self.damaged)


@dataclass
class Cut:
    """A power cut: where in the day, what is on the disk, what was promised before."""

    place: str
    tree: Tree
    name: bytes  # of the tree
    promises: Promises


class Day:
    """A recorded day: the disk moment by moment, and what had been promised by then."""

    def __init__(self, trace: Path, base: Path) -> None:
        self._trace, self._base = trace, base
        self.agents: set[str] = set()  # sha256 of every text that only the agent wrote
        authors: set[str] = set()
        for ended, call in calls(trace):
            if ended and call.name == "write" and call.raw.startswith("1, "):
                for line in call.strings[0].decode().splitlines():
                    match line.split():
                        case ["ack", _, "write_intended" | "file_written", _, _, sha256]:
                            self.agents.add(sha256)
                        case ["ack", _, "author_edited", _, _, sha256] | ["saved" | "unflushed", _, sha256]:
                            authors.add(sha256)
        self.agents -= authors

    def cuts(self, most: int, *, seed: int = 1, part: str = "", step: int = 1, first: int = 0) -> Iterator[Cut]:
        """Power cuts after every change of the disk, at most `most` of each moment, no two alike in disk and promises.

        What was promised up to the next change counts: the disk is the same, and the promises only grow.

        Args:
            part: begin with this part of the day.
            step: only every so many changes, beginning with number `first`.
        """
        disk, promises = Disk(str(self._base)), Promises()
        self._writing: dict[
            str, int | None
        ] = {}  # file -> inode that an author's editor is writing, None = not there yet
        self._torn: set[int] = set()
        self._part = ""
        found: set[tuple[bytes, int]] = set()
        moment, place, trees = 0, "the beginning", list[Tree]()
        for ended, call in calls(self._trace):
            if not ended:
                disk.begin(call)
                continue
            if disk.end(call):
                yield from self._new(trees, found, place, promises)
                moment, place = moment + 1, f"change {disk.changes}: {call}"
                trees = []
                if self._part.startswith(part) and moment % step == first:
                    trees = list(disk.cuts(random.Random(f"{seed}.{moment}"), most))
                self._look(disk, promises)
            elif call.name == "write" and call.raw.startswith("1, "):
                for line in call.strings[0].decode().splitlines():
                    self._hear(line.split(), disk, promises)
        yield from self._new(trees, found, place, promises)

    def _new(self, trees: list[Tree], found: set[tuple[bytes, int]], place: str, promises: Promises) -> Iterator[Cut]:
        held = promises.held
        for tree in trees:
            name = digest(tree)
            if (name, held) not in found:
                found.add((name, held))
                yield Cut(place, tree, name, promises.copy())

    def _hear(self, words: list[str], disk: Disk, promises: Promises) -> None:
        match words:
            case ["ack", seq, kind, sha256, file, content]:
                promises.events[int(seq)] = (sha256, kind)
                if kind == "file_written":
                    promises.must_hold(file, content)
                elif kind == "author_edited" and content != "-":
                    promises.authors[content] = file
            case ["saving", file]:
                self._writing[file] = disk.find(f"{BOOK}/{file}")
            case ["saved", file, content]:
                promises.authors[content] = file
                inode = self._writing.pop(file, None)
                if inode is not None:
                    self._torn.discard(inode)
                self._look(disk, promises)
                promises.must_hold(file, content)
            case ["settings", file, content]:
                promises.must_hold(file, content)
            case ["unflushed", file, content]:
                self._writing.pop(file)
            case ["removed", file]:
                promises.removed.add(file)
            case ["kept", content]:
                promises.authors[content] = "the damaged record"
            case ["part", name]:
                self._part = name
            case ["damaged"]:
                promises.damaged = True
            case _:
                raise AssertionError(words)

    def _look(self, disk: Disk, promises: Promises) -> None:
        """Take down what every file of the book holds now."""
        for file in self._writing:
            if self._writing[file] is None:
                self._writing[file] = disk.find(f"{BOOK}/{file}")
        self._torn.update(inode for inode in self._writing.values() if inode is not None)
        root = disk.find(BOOK)
        there = dict(_files(disk, root, "")) if root is not None else {}
        for file in promises.contents.keys() | there.keys():
            inode = there.get(file)
            content = "" if inode is None else ANY if inode in self._torn else disk.inodes[inode].sha256
            promises.may_hold(file, content)


def _files(disk: Disk, folder: int, prefix: str) -> Iterator[tuple[str, int]]:
    for (parent, name), inode in disk.visible.items():
        file = prefix + name.decode()
        if parent != folder or file.startswith("."):
            continue
        if disk.inodes[inode].folder:
            yield from _files(disk, inode, f"{file}/")
        elif file.endswith((".md", ".yaml")):
            yield file, inode


def digest(tree: Tree) -> bytes:
    """A name for all that counts of a disk."""
    whole = hashlib.sha256()
    for path, body in sorted(tree.items()):
        if not path.endswith(_UNTOLD):
            whole.update(path.encode() + b"\0")
            whole.update(b"folder" if body is None else hashlib.sha256(body).digest())
    return whole.digest()


@dataclass
class Checked:
    """What came of many cuts."""

    names: set[bytes] = field(default_factory=set)  # of the disks that were looked at
    cuts: int = 0  # the same disk counts again where more has been promised
    promised: int = 0  # events acknowledged and saves flushed, summed over the cuts
    lost: list[tuple[Cut, list[Lost]]] = field(default_factory=list)

    @classmethod
    def sum(cls, shares: list["Checked"]) -> "Checked":
        """Several in one."""
        whole = cls()
        for share in shares:
            whole.names |= share.names
            whole.cuts += share.cuts
            whole.promised += share.promised
            whole.lost += share.lost
        return whole

    @property
    def kinds(self) -> set[str]:
        return {one.kind for _, lost in self.lost for one in lost}

    def told(self) -> str:
        """The first few of what was lost, for a failing test."""
        lines = [f"{len(self.lost)} cuts ({len(self.names)} disks) lost something: {sorted(self.kinds)}"]
        for cut, lost in self.lost[:5]:
            lines += [f"- after {cut.place}"] + [f"    {one.kind}: {one.what}" for one in lost[:6]]
        return "\n".join(lines)


async def check_all(cuts: Iterator[Cut], agents: set[str], place: Path, *, until: str = "") -> Checked:
    """Hold every promise against every disk; ends early once something of the kind `until` is lost."""
    checked = Checked()
    turn = asyncio.Lock()

    async def work(number: int) -> None:
        while until not in checked.kinds:
            async with turn:
                cut = next(cuts, None)
            if cut is None:
                return
            lost = await check(cut, agents, place / str(number))
            checked.names.add(cut.name)
            checked.cuts += 1
            checked.promised += len(cut.promises.events) + len(cut.promises.authors)
            if lost:
                checked.lost.append((cut, lost))

    async with asyncio.TaskGroup() as workers:
        for number in range(_AT_ONCE):
            workers.create_task(work(number))
    return checked


async def check(cut: Cut, agents: set[str], place: Path) -> list[Lost]:
    """Put the disk into a folder, open the book there with the real store, and look at what it has."""
    promises = cut.promises
    lost = list(_half_files(cut))
    root = place / BOOK
    _lay_out(cut.tree, place)
    try:
        if not root.exists():
            if promises.events or promises.authors:
                lost.append(Lost("book gone", "the book's folder is not there"))
            return lost
        try:
            damage = await _open(root)
        except Exception as error:  # noqa: BLE001 -- whatever it is, a book that can't be opened is what we look for
            return [*lost, Lost("can't be opened", f"{type(error).__name__}: {error}")]
        if damage and not promises.damaged:
            lost.append(Lost("damaged", damage))
        lost += _missing(root, cut, agents)
        return lost
    finally:
        shutil.rmtree(place, ignore_errors=True)


async def _open(root: Path) -> str:
    book = OpenBook.open(root)
    try:
        await book.manuscript.settle()
        await book.watcher.scan(full=True)
    finally:
        await book.close()
    return book.journal.recovered


def _lay_out(tree: Tree, place: Path) -> None:
    place.mkdir(parents=True)
    for path, body in tree.items():  # a folder comes before what is in it
        if body is None:
            (place / path).mkdir()
        else:
            (place / path).write_bytes(body)


def _half_files(cut: Cut) -> Iterator[Lost]:
    for file, contents in cut.promises.contents.items():
        body = cut.tree.get(f"{BOOK}/{file}")
        if ANY in contents or (hashlib.sha256(body).hexdigest() if body is not None else "") in contents:
            continue
        if body is None:
            yield Lost("file gone", f"{file} was written and is not there")
        else:
            yield Lost(
                "not a whole file", f"{file} has {len(body)} bytes that nobody wrote, or that were replaced for good"
            )


def _missing(root: Path, cut: Cut, agents: set[str]) -> Iterator[Lost]:
    promises = cut.promises
    with closing(sqlite3.connect(root / RECORD)) as record:
        bodies = dict(record.execute("SELECT seq, body FROM events"))
        versions = dict(record.execute("SELECT sha256, body FROM versions"))
    for seq, (sha256, kind) in promises.events.items():
        body = bodies.get(seq)
        if body is None:
            yield Lost("event lost", f"{kind} {seq} was acknowledged")
        elif hashlib.sha256(body).hexdigest() != sha256:
            yield Lost("event changed", f"{kind} {seq} was acknowledged as something else")
    there = {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in root.rglob("*")
        if file.is_file() and ".studio/tmp/" not in file.as_posix()
    }
    for sha256, file in promises.authors.items():
        if sha256 in there.values():
            continue
        if sha256 not in versions or hashlib.sha256(unpack(versions[sha256]).encode()).hexdigest() != sha256:
            yield Lost("author's text lost", f"a save of {file} ({sha256[:8]}) is neither on disk nor a version")
    known: dict[str, str] = {}
    intents: dict[str, ev.WriteIntended] = {}
    for seq in sorted(bodies):
        match event := ev.decode(bodies[seq]):
            case ev.WriteIntended():
                intents[event.file] = event
            case ev.FileWritten(file=file, sha256=sha256):
                intents.pop(file, None)
                known[file] = sha256
            case ev.AuthorEdited(file=file, sha256=sha256):
                known[file] = sha256
                sure = ANY not in promises.contents.get(file, [ANY])
                if sure and sha256 in agents:
                    yield Lost("agent's text taken for the author's", f"{file} ({sha256[:8]}, event {seq})")
                if sure and not sha256 and file not in promises.removed:
                    yield Lost("loss taken for a removal", f"{file} (event {seq})")
    for file, intent in intents.items():
        if there.get(file, "") == intent.sha256 != intent.before:
            yield Lost(
                "write made twice", f"{file} has what write {intent.id} was to put there, and it was not recorded"
            )
    for file, sha256 in there.items():
        if file.endswith(".md") and not file.startswith(".studio") and known.get(file, "") != sha256:
            body = (root / file).read_bytes()
            if _is_text(body):
                yield Lost("unknown text", f"{file} holds what the record does not know")


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True

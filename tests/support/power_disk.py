"""A disk as POSIX promises it, no better: what was flushed is there after a power cut, of the rest any part may be.

The rules, each as hostile as the standard allows:

- `fsync` and `fdatasync` of a file make its content and size durable as they were when the call began, not its name.
- `fsync` of a folder makes every earlier change of its entries durable. Making a file, or flushing it, does not.
- A call that changes two entries (rename, exchange) is atomic: both or neither, durable when either folder is flushed.
- A change of an entry that is durable takes the earlier changes of the same entry along; all others are free: any
  subset of what was not flushed may be there, in any order.
- Of what was written and not flushed any part may be there: any subset of the writes, each torn at sectors of 512 or
  4,096 bytes, and the new size without the bytes, as zeros.
- Nothing is ordered between a file's content, its size, and its name.
"""

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from power_trace import Call

ROOT = 1
Key = tuple[int, bytes]  # an entry: (inode of the folder, name)


@dataclass
class Write:
    """Bytes put into a file; `data` None is a new size alone."""

    number: int
    offset: int  # of the bytes; the new size where there are none
    data: bytes | None


@dataclass
class Entries:
    """One atomic change of names: entry -> inode, None = gone."""

    number: int
    changes: dict[Key, int | None]


@dataclass
class Inode:
    """A file, or a folder when `folder`."""

    folder: bool
    durable: bytes = b""
    pending: list[Write] = field(default_factory=list)
    visible: bytearray = field(default_factory=bytearray)
    _named: str = ""

    def write(self, write: Write) -> None:
        """Something was put into the file, and is not flushed yet."""
        self.pending.append(write)
        apply(self.visible, write)
        self._named = ""

    @property
    def sha256(self) -> str:
        """Of what a reader sees now."""
        self._named = self._named or hashlib.sha256(self.visible).hexdigest()
        return self._named


def apply(body: bytearray, write: Write) -> None:
    """Do to a file's bytes what a write did."""
    if write.data is None:
        del body[write.offset :]
        body.extend(bytes(write.offset - len(body)))
        return
    if len(body) < write.offset:
        body.extend(bytes(write.offset - len(body)))
    body[write.offset : write.offset + len(write.data)] = write.data


@dataclass
class _Open:
    inode: int | None  # None = a file that is not on this disk
    offset: int = 0
    append: bool = False


class Disk:
    """The disk below one folder, fed with the calls of one process; SQLite's shared memory is left out."""

    def __init__(self, base: str) -> None:
        self._base = base.encode()
        self.inodes: dict[int, Inode] = {ROOT: Inode(folder=True)}
        self.durable: dict[Key, int] = {}
        self.visible: dict[Key, int] = {}
        self.pending: list[Entries] = []
        self.changes = 0  # counts what has happened to the disk
        self._open: dict[int, _Open] = {}
        self._begun: dict[Call, tuple[int | None, int]] = {}  # call under way: (its inode, changes before it)

    # --- what happens ---------------------------------------------------------------------------------------------

    def begin(self, call: Call) -> None:
        """A call begins: a flush promises what was there at this moment, a descriptor means what it means now."""
        inode = None
        if call.name in ("fsync", "fdatasync", "write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate"):
            inode = self._inode_of(call.number(0))
        elif call.name == "close":  # before its end another thread may be given the same number
            self._open.pop(call.number(0), None)
        self._begun[call] = inode, self.changes

    def end(self, call: Call) -> bool:
        """A call has ended; returns whether the disk, or what of it is durable, has changed."""
        inode, before = self._begun.pop(call)
        if call.result < 0:
            return False
        was = self.changes
        match call.name:
            case "openat" | "open" | "creat":
                self._opened(call)
            case "lseek":
                if call.number(0) in self._open:
                    self._open[call.number(0)].offset = call.result
            case "write" | "writev":
                self._written(call, inode)
            case "pwrite64" | "pwritev" | "pwritev2":
                if inode is not None:
                    self._put(inode, call.number(-1), b"".join(call.strings)[: call.result])
            case "sendfile":
                self._copied(call)
            case "ftruncate":
                if inode is not None:
                    self._sized(inode, call.number(1))
            case "fsync" | "fdatasync":
                if inode is not None:
                    self._flush(inode, before)
            case "mkdir" | "mkdirat":
                self._made(call)
            case "unlink" | "unlinkat" | "rmdir":
                self._change({self._key(call, "at" in call.name, 0): None})
            case "rename" | "renameat" | "renameat2" | "link" | "linkat":
                self._named(call)
            case "close":
                pass
            case _:
                touched = any(self._is_here(path) for path in call.strings)
                assert not touched, f"the model does not know {call}"
        return self.changes != was

    def _opened(self, call: Call) -> None:
        key = self._key(call, call.name == "openat", 0)
        opened = _Open(None)
        self._open[call.result] = opened
        if key is None:
            return
        number = self.visible.get(key) if key != (ROOT, b"") else ROOT
        if number is None:
            assert "O_CREAT" in call.raw, f"{call} opened what the model does not have"
            number = self._new(folder=False)
            self._change({key: number})
        elif "O_TRUNC" in call.raw and self.inodes[number].visible:
            self._sized(number, 0)
        opened.inode, opened.append = number, "O_APPEND" in call.raw

    def _written(self, call: Call, inode: int | None) -> None:
        if inode is None:
            return
        opened = self._open[call.number(0)]
        if opened.append:
            opened.offset = len(self.inodes[inode].visible)
        self._put(inode, opened.offset, b"".join(call.strings)[: call.result])
        opened.offset += call.result

    def _copied(self, call: Call) -> None:
        out, source = self._open.get(call.number(0)), self._open.get(call.number(1))
        if out is None or out.inode is None or call.result == 0:
            return
        assert source is not None and source.inode is not None, f"{call} copies from elsewhere"
        start = source.offset
        offset = call.arguments[2]
        if offset != "NULL":
            start = int(re.findall(r"\d+", offset)[0])
        else:
            source.offset += call.result
        self._put(out.inode, out.offset, bytes(self.inodes[source.inode].visible[start : start + call.result]))
        out.offset += call.result

    def _made(self, call: Call) -> None:
        key = self._key(call, call.name == "mkdirat", 0)
        if key is not None:
            self._change({key: self._new(folder=True)})

    def _named(self, call: Call) -> None:
        two = "at" in call.name
        old, new = self._key(call, two, 0), self._key(call, two, 1)
        if old is None and new is None:
            return
        assert old is not None and new is not None, f"{call} leaves the disk"
        if call.name.startswith("link"):
            self._change({new: self.visible[old]})
        elif "RENAME_EXCHANGE" in call.raw:
            self._change({old: self.visible[new], new: self.visible[old]})
        elif self.visible.get(new) != self.visible[old]:  # else two names of one file, and nothing happens
            self._change({old: None, new: self.visible[old]})

    # --- names ----------------------------------------------------------------------------------------------------

    def _is_here(self, path: bytes) -> bool:
        return path == self._base or path.startswith(self._base + b"/")

    def _inode_of(self, descriptor: int) -> int | None:
        opened = self._open.get(descriptor)
        return None if opened is None else opened.inode

    def _key(self, call: Call, handles: bool, which: int) -> Key | None:
        """The entry that the path argument `which` names; None if it is elsewhere, or is left out of the model."""
        path = call.strings[which]
        if path.endswith(b"-shm"):
            return None
        folder: int | None = ROOT
        if path.startswith(b"/"):
            if not self._is_here(path):
                return None
            path = path[len(self._base) + 1 :]
        else:
            folder = self._inode_of(call.number(2 * which)) if handles else None
            if folder is None:
                return None
        parts = [part for part in path.split(b"/") if part not in (b"", b".")]
        for part in parts[:-1]:
            folder = self.visible[folder, part]
        return (folder, parts[-1]) if parts else (ROOT, b"")

    def _new(self, *, folder: bool) -> int:
        number = len(self.inodes) + 1
        self.inodes[number] = Inode(folder=folder)
        return number

    def find(self, path: str) -> int | None:
        """The inode that a reader finds at a path below the base."""
        number: int | None = ROOT
        for part in path.split("/"):
            number = None if number is None else self.visible.get((number, part.encode()))
        return number

    # --- changes and flushes --------------------------------------------------------------------------------------

    def _count(self) -> int:
        self.changes += 1
        return self.changes

    def _change(self, changes: dict[Key | None, int | None]) -> None:
        kept = {key: inode for key, inode in changes.items() if key is not None}
        if not kept:
            return
        self.pending.append(Entries(self._count(), kept))
        _enter(self.visible, kept)

    def _put(self, inode: int, offset: int, data: bytes) -> None:
        self.inodes[inode].write(Write(self._count(), offset, data))

    def _sized(self, inode: int, size: int) -> None:
        self.inodes[inode].write(Write(self._count(), size, None))

    def _flush(self, number: int, until: int) -> None:
        inode = self.inodes[number]
        flushed: object
        if inode.folder:
            wanted = [
                one for one in self.pending if one.number <= until and any(key[0] == number for key in one.changes)
            ]
            flushed = chosen = self.closed(wanted)
            for one in chosen:
                _enter(self.durable, one.changes)
            self.pending = [one for one in self.pending if one not in chosen]
        else:
            flushed = done = [write for write in inode.pending if write.number <= until]
            body = bytearray(inode.durable)
            for write in done:
                apply(body, write)
            inode.durable = bytes(body)
            inode.pending = inode.pending[len(done) :]
        if flushed:
            self._count()

    def closed(self, wanted: list[Entries]) -> list[Entries]:
        """These changes of entries and all that must be there with them, in order."""
        chosen: list[Entries] = []
        keys: set[Key] = set()
        for one in reversed(self.pending):
            if one in wanted or keys & one.changes.keys():
                chosen.append(one)
                keys |= one.changes.keys()
        return chosen[::-1]

    # --- after a power cut ----------------------------------------------------------------------------------------

    def after_cut(self, changes: list[Entries], chance: random.Random, how: str) -> dict[str, bytes | None]:
        """One legal disk after a power cut now: path -> content, None for a folder.

        Args:
            changes: the changes of entries, not flushed yet, that made it.
            how: what became of bytes not flushed yet: none | all | sizes | begun | any.
        """
        entries = dict(self.durable)
        for one in changes:
            _enter(entries, one.changes)
        inside: dict[int, list[tuple[bytes, int]]] = {}
        for (folder, name), inode in sorted(entries.items()):
            inside.setdefault(folder, []).append((name, inode))
        found: dict[str, bytes | None] = {}

        def walk(folder: int, prefix: str) -> None:
            for name, number in inside.get(folder, ()):
                path = prefix + name.decode()
                if self.inodes[number].folder:
                    found[path] = None
                    walk(number, f"{path}/")
                else:
                    found[path] = what_is_left(self.inodes[number], chance, how)

        walk(ROOT, "")
        return found

    def cuts(self, chance: random.Random, most: int) -> Iterator[dict[str, bytes | None]]:
        """Legal disks after a power cut now, at most `most`; some may come twice."""
        everything = self.pending
        plans = [(everything, "none"), ([], "all"), (everything, "begun"), ([], "none"), (everything, "all")]
        plans += [(self.pending[:n], how) for n in range(len(self.pending)) for how in ("all", "none")]
        plans += [(everything, how) for how in ("sizes", "any")]
        unsure = any(inode.pending for inode in self.inodes.values())
        if most < len(plans):
            plans = plans[:2] + chance.sample(plans[2:], max(0, most - 2))
        for entries, how in plans[:most]:
            yield self.after_cut(entries, chance, how)
        for _ in range(most - len(plans)):
            if not unsure and not self.pending:
                return
            some = self.closed([one for one in self.pending if chance.random() < 0.5])
            yield self.after_cut(some, chance, chance.choice(("any", "any", "begun", "all", "none", "sizes")))


def _enter(entries: dict[Key, int], changes: dict[Key, int | None]) -> None:
    for key, inode in changes.items():
        if inode is None:
            entries.pop(key, None)
        else:
            entries[key] = inode


def what_is_left(inode: Inode, chance: random.Random, how: str) -> bytes:
    """A legal content of a file after a power cut; `how` as in `Disk.after_cut`."""
    if how == "none" or not inode.pending:
        return inode.durable
    body = bytearray(inode.durable)
    begun = chance.randrange(len(inode.pending)) if how == "begun" else 0
    for number, write in enumerate(inode.pending):
        what = how
        if how == "begun":  # in order up to the one that was cut
            what = "all" if number < begun else "torn" if number == begun else "none"
        elif how == "any":
            what = chance.choice(("all", "all", "none", "torn", "sizes"))
        if what == "all" or (write.data is None and what in ("torn", "sizes")):
            apply(body, write)
        elif write.data is not None and what in ("torn", "sizes"):
            end = write.offset + len(write.data)
            if what == "sizes" or chance.random() < 0.5:
                body.extend(bytes(max(0, end - len(body))))
            if what == "torn":
                for piece in sectors(write, chance.choice((512, 4096))):
                    if chance.random() < 0.5:
                        apply(body, piece)
    return bytes(body)


def sectors(write: Write, size: int) -> Iterator[Write]:
    """A write cut where the disk's sectors of `size` bytes meet."""
    assert write.data is not None
    start = write.offset
    while start < write.offset + len(write.data):
        end = min((start // size + 1) * size, write.offset + len(write.data))
        yield Write(write.number, start, write.data[start - write.offset : end - write.offset])
        start = end

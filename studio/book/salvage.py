"""What is left of a broken database: the pages of its file and of its log, read without SQLite.

A row is found in whichever leaf it stands, however broken the header or the tree above it is. Whether it is what it
says it is, is for the caller to check. The format: https://sqlite.org/fileformat2.html
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

Value = int | float | bytes | None
Row = tuple[int, list[Value]]  # rowid, columns; a text as its UTF-8 bytes

_MAGIC = b"SQLite format 3\0"
_PAGE = 4096  # bytes, as SQLite makes them unless told otherwise; we never do
_LEAF = 0x0D  # of a table with rowids
_LOG_HEADER, _FRAME_HEADER = 32, 24
_LOG_MAGIC = (0x377F0682, 0x377F0683)  # the second: checksums over big-endian words
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)  # bytes of the serial types below 10


class _Frame(msgspec.Struct, frozen=True):
    """One page in the log, and where its header is."""

    at: int
    page: int
    commits: bool  # the last one of its transaction
    salts: bytes  # of the generation of the log it belongs to
    checksum: tuple[int, int]


def rows(file: Path) -> Iterator[Row]:
    """Every row of any table that can be read, from the file before the log; most of them several times.

    Raises:
        OSError: a file can't be read.
    """
    main, log = _read(file), _read(Path(f"{file}-wal"))
    size, usable = _page_size(main, log)
    written = {number: main[at : at + size] for number, at in enumerate(range(0, len(main), size), 1)}
    frames = _frames(log, size)
    newest = dict(written)
    for frame in frames:
        if frame.salts == frames[0].salts:  # else left from before the log began anew
            newest[frame.page] = _page_of(log, frame, size)
    for number, page in written.items():
        yield from _rows_of(page, 100 if number == 1 else 0, (written, newest), usable)
    for frame in frames:
        start = 100 if frame.page == 1 else 0
        yield from _rows_of(_page_of(log, frame, size), start, (newest, written), usable)


def is_cut_off(file: Path) -> bool:
    """Whether SQLite would pass over what was committed: a log whose file is empty, a log broken before its end.

    What a power cut leaves half-written is the end of the log, one transaction at most: the next one is begun only
    when that is flushed.
    """
    log = _read(Path(f"{file}-wal"))
    if not log:
        return False
    main = _read(file, 100)
    size, _ = _page_size(main, log)
    frames = _frames(log, size)
    if not main:
        return bool(frames)
    if not frames:
        return False
    order = ">" if log[:4] == _LOG_MAGIC[1].to_bytes(4, "big") else "<"
    words = struct.Struct(f"{order}{size // 4}I")
    before = _sum((0, 0), struct.unpack(f"{order}6I", log[:24]))
    if int.from_bytes(log[:4], "big") not in _LOG_MAGIC or before != struct.unpack(">2I", log[24:32]):
        return any(frame.commits for frame in frames)  # a sector is written in one go: this is no torn one

    def follows(frame: _Frame, before: tuple[int, int]) -> bool:
        header = struct.unpack(f"{order}2I", log[frame.at : frame.at + 8])
        page = words.unpack(_page_of(log, frame, size))
        return _sum(_sum(before, header), page) == frame.checksum

    is_whole = True
    last: _Frame | None = None
    for frame in frames:
        if frame.salts != log[16:24]:
            is_whole, last, before = False, None, frame.checksum
            continue
        if is_whole:
            is_whole = follows(frame, before)
        elif last is not None and last.commits and follows(frame, before):
            return True
        last, before = frame, frame.checksum
    return False


def _read(file: Path, most: int = -1) -> bytes:
    try:
        with file.open("rb") as handle:
            return handle.read(most)
    except FileNotFoundError:
        return b""


def _page_size(main: bytes, log: bytes) -> tuple[int, int]:
    """Bytes of a page, and those of them that SQLite uses."""
    size, reserved = 0, 0
    if main.startswith(_MAGIC) and len(main) >= 100:
        size, reserved = int.from_bytes(main[16:18], "big"), main[20]
        size = 65536 if size == 1 else size
    elif int.from_bytes(log[:4], "big") in _LOG_MAGIC:
        size = int.from_bytes(log[8:12], "big")
    if size not in (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536) or reserved > 32:
        size, reserved = _PAGE, 0
    return size, size - reserved


def _frames(log: bytes, size: int) -> list[_Frame]:
    found = []
    for at in range(_LOG_HEADER, len(log) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        page, pages = struct.unpack_from(">2I", log, at)
        found.append(_Frame(at, page, pages > 0, log[at + 8 : at + 16], struct.unpack_from(">2I", log, at + 16)))
    return found


def _page_of(log: bytes, frame: _Frame, size: int) -> bytes:
    return log[frame.at + _FRAME_HEADER : frame.at + _FRAME_HEADER + size]


def _sum(before: tuple[int, int], words: tuple[int, ...]) -> tuple[int, int]:
    a, b = before
    for one, two in zip(words[::2], words[1::2], strict=True):
        a = (a + one + b) & 0xFFFFFFFF
        b = (b + two + a) & 0xFFFFFFFF
    return a, b


def _rows_of(page: bytes, start: int, pages: tuple[dict[int, bytes], ...], usable: int) -> Iterator[Row]:
    """The rows of a leaf; each once for each way in which its continuation can be read."""
    if len(page) < usable or page[start] != _LEAF:
        return
    for slot in range(int.from_bytes(page[start + 3 : start + 5], "big")):
        at = start + 8 + 2 * slot
        ways = []
        for where in pages:
            try:
                number, body = _cell(page, int.from_bytes(page[at : at + 2], "big"), where, usable)
                if body not in ways:
                    ways.append(body)
                    yield number, _columns(body)
            except (IndexError, KeyError, ValueError, struct.error):
                continue


def _cell(page: bytes, at: int, pages: dict[int, bytes], usable: int) -> tuple[int, bytes]:
    """A row's number and its record. Raises `IndexError`, `KeyError`, `ValueError` where it is no row."""
    size, at = _varint(page, at)
    number, at = _varint(page, at)
    most = usable - 35
    if size <= most:
        return number, _exactly(page, at, size)
    least = (usable - 12) * 32 // 255 - 23
    local = least + (size - least) % (usable - 4)
    if local > most:
        local = least
    if size > (len(pages) + 1) * usable:
        raise ValueError("larger than the file")
    body = [_exactly(page, at, local)]
    following = int.from_bytes(_exactly(page, at + local, 4), "big")
    missing = size - local
    while missing > 0:
        more = pages[following]
        part = _exactly(more, 4, min(missing, usable - 4))
        following, missing = int.from_bytes(more[:4], "big"), missing - len(part)
        body.append(part)
    return number, b"".join(body)


def _columns(record: bytes) -> list[Value]:
    """The values of a record. Raises `IndexError`, `ValueError`, `struct.error` where it is none."""
    end, at = _varint(record, 0)
    body = end
    values: list[Value] = []
    while at < end:
        kind, at = _varint(record, at)
        size = _SIZES[kind] if kind < 10 else (kind - 12) // 2
        raw = _exactly(record, body, size)
        body += size
        if kind >= 12:
            values.append(raw)
        elif kind == 7:
            values.append(struct.unpack(">d", raw)[0])
        elif kind in (8, 9):
            values.append(kind - 8)
        else:
            values.append(int.from_bytes(raw, "big", signed=True) if kind else None)
    return values


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number as SQLite packs it, and the place after it. Raises `IndexError`."""
    value = 0
    for n in range(8):
        value = value << 7 | data[at + n] & 0x7F
        if data[at + n] < 0x80:
            return value, at + n + 1
    return value << 8 | data[at + 8], at + 9


def _exactly(data: bytes, at: int, size: int) -> bytes:
    found = data[at : at + size]
    if size < 0 or len(found) != size:
        raise IndexError("past the end")
    return found

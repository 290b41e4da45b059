"""A book's files on disk: safe names, whole reads, and writes that displace but never destroy."""

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from studio.book.exchange import exchange, place_new
from studio.book.layout import STUDIO, make_private_folder, make_studio_folder, reading_order, sync_folder
from studio.book.names import stays_inside
from studio.book.outside_names import LONGEST_PART, parts_of, shown
from studio.book.walk import folded, markdown
from studio.errors import BookError, BookGone, BookUnsaved, PathRefused

_OPEN_MARKS = (".{}.swp", ".{}.swo", ".#{}", ".~lock.{}#", "~${}")
LARGEST = 64 * 2**20  # bytes of a file: ten million words; a file of gigabytes would take all memory
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not make us wait
_PROBE = 20_000  # lines
_TRIES = 20  # times a name may come and go while we write it


class Folder:
    """One book's folder. Every name that comes from outside goes through `name` first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            self._place: os.stat_result | None = root.stat()
        except OSError:
            self._place = None
        self._lasting: set[Path] = set()  # folders of ours whose names we have flushed

    # --- names ----------------------------------------------------------------------------------------------------

    def name(self, raw: str, *, is_authors: bool = False) -> str:
        """The canonical name inside the book: forward slashes, `.md` added, an existing spelling reused.

        Args:
            is_authors: the author once had a file of this name: refused is only what is no place of the book's.

        Raises:
            PathRefused: the name would leave the folder, or no system can hold it; nothing is repaired.
        """
        return "/".join(self._existing_spelling(parts_of(raw, is_authors=is_authors)))

    def _existing_spelling(self, parts: list[str]) -> list[str]:
        folder, spelled = self.root, []
        for number, part in enumerate(parts):
            try:
                there = [entry.name for entry in folder.iterdir()]
            except OSError:  # nothing there yet
                there = []
            if part not in there:
                part = next((name for name in sorted(there) if folded(name) == folded(part)), part)
            spelled.append(part)
            folder = folder / part
            self._refuse_links(folder, last=number == len(parts) - 1)
        return spelled

    def _is_linked_by_us_only(self, found: os.stat_result) -> bool:
        """Whether every other name of a file is one of our temporary ones, which a disk that refused let stay."""
        ours = 0
        for temp in self.temps():
            with contextlib.suppress(OSError):
                ours += os.path.samestat(found, self.temp_path(temp).lstat())
        return found.st_nlink == ours + 1

    def _refuse_links(self, path: Path, *, last: bool) -> None:
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise PathRefused(f"{path.name} can't be used ({error.strerror}); use another name.") from error
        if stat.S_ISLNK(found.st_mode):
            raise PathRefused(f"{path.name} is a link out of the book; the studio writes plain files only.")
        if last and not stat.S_ISREG(found.st_mode):
            raise PathRefused(f"{path.name} is no plain file; use another name.")
        if last and found.st_nlink > 1 and not self._is_linked_by_us_only(found):
            raise PathRefused(f"{path.name} is linked elsewhere; the studio writes plain files only.")
        if not last and not stat.S_ISDIR(found.st_mode):
            raise PathRefused(f"{path.name} is a file, not a folder; use another name.")

    def names(self) -> list[str]:
        """Every Markdown file of the book in reading order; no links, no dotfiles, no leavings. Raises as `listing`."""
        return self.listing()[0]

    def listing(self) -> tuple[list[str], list[str]]:
        """What `names` says, and the second versions that sync programs left: of Markdown files, and of folders.

        Raises:
            BookGone: the folder itself is not there: a book that was moved is not one that was emptied.
            BookError: it can't be read.
        """
        self.check_place()
        try:
            top = list(os.scandir(self.root))
        except OSError as error:
            raise BookError(
                f"The book's folder {self.root} can't be read ({error.strerror}); mend its permissions."
            ) from error
        copies: list[str] = []
        return reading_order(markdown(top, "", 1, copies)), sorted(copies)

    def check_place(self) -> None:
        """Make sure that the folder is where it was. Raises `BookGone`."""
        try:
            now = self.root.stat()
        except OSError as error:
            raise BookGone(
                f"The book's folder {self.root} is not there ({error.strerror}); put it back, and the run goes on."
            ) from error
        if self._place is not None and not os.path.samestat(now, self._place):
            raise BookGone(
                f"Another folder stands where the book was, {self.root}; put the book back, and the run goes on."
            )

    def probe(self) -> None:
        """Try whether the disk takes a file of some size. Raises `BookUnsaved`."""
        temp = f"probe-{os.getpid()}.part"
        self.stage(temp, "studio\n" * _PROBE)
        self.drop(temp)

    # --- reading --------------------------------------------------------------------------------------------------

    def read_bytes(self, name: str) -> bytes | None:
        """The file's bytes, or None when there is no such file. Raises `BookError` when it can't be read."""
        try:
            with self._parent(name) as parent:
                return _read_plain(name.rpartition("/")[2], parent, LARGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BookError(f"{name} can't be read ({error.strerror}); the studio leaves it alone.") from error

    def read(self, name: str) -> str | None:
        """The file's text as it stands, newlines untouched; None when there is no such file.

        Raises:
            BookError: it is not UTF-8, or can't be read.
        """
        body = self.read_bytes(name)
        if body is None:
            return None
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BookError(
                f"{name} is not UTF-8 text; the studio leaves it alone. Save it as UTF-8 to use it."
            ) from error

    def open_in_editor(self, name: str) -> bool:
        """Whether an editor has left a mark that it holds this file open: vim, emacs, LibreOffice, Word."""
        folder, _, last = (self.root / name).as_posix().rpartition("/")
        return any(os.path.lexists(f"{folder}/{mark.format(last)}") for mark in _OPEN_MARKS)

    def stat(self, name: str) -> os.stat_result | None:
        """The file's status, or None when there is no such file."""
        try:
            return (self.root / name).lstat()
        except OSError:
            return None

    @contextlib.contextmanager
    def _parent(self, name: str, *, make: bool = False) -> Iterator[int]:
        """A handle of the folder a name lies in, walked without following links. Raises `OSError`, `PathRefused`."""
        if not stays_inside(name):
            raise PathRefused(f"{shown(name)} leads out of the book's folder; the studio leaves it alone.")
        try:
            handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            self.check_place()  # not one file is gone, but all of them
            raise
        try:
            if self._place is not None and not os.path.samestat(os.fstat(handle), self._place):
                self.check_place()
            for part in name.split("/")[:-1]:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=handle)
                    os.fsync(handle)  # also of a folder that is there: whoever made it need not have flushed it
                inner = os.open(part, _DIRECTORY, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    # --- writing --------------------------------------------------------------------------------------------------

    def temp_name(self) -> str:
        """A name for a temporary file that nobody has."""
        return f"{uuid.uuid4().hex}.tmp"

    def temp_path(self, temp: str) -> Path:
        """Where a temporary file lies: inside the record's folder, on the book's own file system."""
        if "/" in temp:
            raise PathRefused(f"{shown(temp)} is no temporary file of the studio's; it is left alone.")
        return self.root / STUDIO / "tmp" / temp

    def temps(self) -> list[str]:
        """The temporary files that lie there."""
        try:
            return sorted(
                entry.name for entry in os.scandir(self.temp_path("")) if entry.is_file(follow_symlinks=False)
            )
        except FileNotFoundError:
            return []

    def _make_folder(self, folder: Path) -> None:
        """A folder beside the record, its name flushed: what is displaced into it must not go with it."""
        if folder not in self._lasting or not folder.is_dir():
            make_studio_folder(self.root)
            make_private_folder(folder)
            sync_folder(folder.parent)
            self._lasting.add(folder)

    def stage(self, temp: str, text: str) -> None:
        """Put `text` into a temporary file, flushed to the disk: once it has its name, it is whole.

        Raises:
            BookUnsaved: the disk refused.
        """
        self.check_place()
        path = self.temp_path(temp)
        part = path.with_suffix(".part")
        try:
            self._make_folder(path.parent)
            part.unlink(missing_ok=True)  # of a write that was killed
            with part.open("xb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                part.unlink(missing_ok=True)
            raise BookUnsaved(
                f"{self.root.name} can't be written ({error.strerror}); free some room or mend its permissions, "
                "and the run goes on."
            ) from error

    def put(self, temp: str, name: str, *, over: bool = False) -> bool:
        """Put a staged file in the place of `name`; True if one was displaced, which `temp` holds then.

        A file that appears in a place thought empty is never overwritten: it is displaced like any other.

        Args:
            over: a file was there; none is made where it has gone, for an editor may be about to put it back.

        Raises:
            FileNotFoundError: the file that was to be there is gone, and `temp` is as it was.
            PathRefused: a link or a folder stands there.
            BookUnsaved: the disk refused.
        """
        path = self.temp_path(temp)
        try:
            with self._parent(name, make=True) as parent:
                displaced = self._put(path, name.rpartition("/")[2], parent, over)
                os.fsync(parent)
            sync_folder(path.parent)
        except OSError as error:
            if over and isinstance(error, FileNotFoundError) and path.exists():
                raise
            raise BookUnsaved(
                f"{name} can't be written ({error.strerror}); free some room or mend its permissions, and the run goes "
                "on."
            ) from error
        return displaced

    def take_away(self, temp: str, name: str) -> None:
        """Move a file out of the book, to where `temp` says; nothing is overwritten, and none to move is no fault.

        Raises:
            PathRefused: a link or a folder stands there.
            BookUnsaved: the disk refused.
        """
        path = self.temp_path(temp)
        try:
            self._make_folder(path.parent)
            with self._parent(name) as parent:
                last = name.rpartition("/")[2]
                os.rename(last, path, src_dir_fd=parent)  # temporary names are never used twice
                if not stat.S_ISREG(path.lstat().st_mode):
                    os.rename(path, last, dst_dir_fd=parent)
                    raise PathRefused(f"{name} is no plain file; the studio leaves it alone.")
                sync_folder(path.parent)  # first where it comes: an editor's last save may be in it
                os.fsync(parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise BookUnsaved(
                f"{name} can't be moved ({error.strerror}); free some room or mend its permissions, then resume."
            ) from error

    def _put(self, path: Path, last: str, parent: int, over: bool) -> bool:
        for _ in range(_TRIES):
            try:
                if not over:
                    place_new(path, last, parent)
                    return False
            except FileExistsError:
                pass
            try:
                there = os.stat(last, dir_fd=parent, follow_symlinks=False)
                if not stat.S_ISREG(there.st_mode):
                    raise PathRefused(f"{last} is no plain file; the studio writes plain files only.")
                path.chmod(stat.S_IMODE(there.st_mode))
                exchange(path, last, parent)
            except FileNotFoundError:
                if over:
                    raise
                continue  # an editor took it away to put a new one there
            if not stat.S_ISREG(path.lstat().st_mode):
                exchange(path, last, parent)
                raise PathRefused(f"{last} is no plain file; the studio writes plain files only.")
            return True
        raise BookUnsaved(
            f"{last} comes and goes while it is to be written; close what else writes it, and the run goes on."
        )

    def mend(self, temp: str, name: str) -> None:
        """Finish what a crash cut short on a file system that can't exchange: the file was away for a moment."""
        path = self.temp_path(temp)
        kept = path.with_suffix(".kept")
        if not kept.exists():
            return
        with self._parent(name, make=True) as parent:
            try:
                place_new(kept, name.rpartition("/")[2], parent)
                os.fsync(parent)
                kept.unlink(missing_ok=True)
            except FileExistsError:
                os.fsync(parent)  # as in the exchange itself
                kept.replace(path)

    def displaced(self, temp: str) -> bytes | None:
        """What a temporary file holds; None when it is gone. Raises `OSError`."""
        try:
            return _read_plain(str(self.temp_path(temp)), None)
        except FileNotFoundError:
            return None

    def is_linked(self, temp: str, name: str) -> bool:
        """Whether `name` is the staged file itself: the write of a new file was done."""
        try:
            return (self.root / name).samefile(self.temp_path(temp))
        except OSError:
            return False

    def saved_at(self, path: Path) -> float:
        """When a file was last written into, in seconds since the epoch; 0.0 when there is none."""
        try:
            return path.lstat().st_mtime
        except OSError:
            return 0.0

    def drop(self, temp: str) -> None:
        """Remove a temporary file, if it is there."""
        with contextlib.suppress(OSError):  # nobody's text is in it: it may as well stay
            self.temp_path(temp).unlink(missing_ok=True)

    def keep(self, temp: str, name: str) -> Path:
        """Keep what a temporary file holds, which can't be a version, beside the record; returns where."""
        flat = name.replace("/", "-").encode("utf-8", "replace")[-LONGEST_PART:].decode("utf-8", "ignore")
        kept = self.root / STUDIO / "kept" / f"{temp.partition('.')[0][:8]}-{flat}"
        self._make_folder(kept.parent)
        self.temp_path(temp).replace(kept)
        sync_folder(kept.parent)
        return kept


def _read_plain(name: str, parent: int | None, most: int | None = None) -> bytes:
    """A plain file's bytes, no link followed. Raises `OSError`, also for more than `most`."""
    handle = os.open(name, _FILE, dir_fd=parent)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "no plain file", name)
        if most is not None and os.fstat(handle).st_size > most:
            raise OSError(0, f"it is larger than {most // 2**20} MB", name)
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)

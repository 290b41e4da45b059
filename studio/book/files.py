"""A book's files on disk: safe names, whole reads, and the exchange that loses no editor's save."""

import ctypes
import errno
import os
import re
import stat
import sys
import unicodedata
import uuid
from pathlib import Path

from studio.book.layout import STUDIO, make_studio_folder, reading_order
from studio.errors import BookError, BookUnsaved, PathRefused

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_SWAP = re.compile(
    r"^(?:4913|.*~|#.*#|.*\.(?:tmp|bak|swp|swo|swx|orig|part)(?:\.md)?|.*___jb_(?:tmp|old)___.*)$", re.IGNORECASE
)
_CLOSED = {"exports"}  # folders of the book that are not the agent's
_LONGEST = 200  # bytes of one part of a name
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # renameat2(2)
_RENAME_SWAP = 2  # renamex_np(2)


class Folder:
    """One book's folder. Every name that comes from outside goes through `name` first."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # --- names ----------------------------------------------------------------------------------------------------

    def name(self, raw: str) -> str:
        """The canonical name inside the book: forward slashes, `.md` added, an existing spelling reused.

        Raises:
            PathRefused: the name would leave the folder, or no system can hold it; nothing is repaired.
        """
        parts = raw.strip().split("/")
        if parts[0] == "." and len(parts) > 1:
            parts = parts[1:]
        for part in parts:
            self._check_part(raw, part)
        if not parts[-1].lower().endswith(".md"):
            parts[-1] += ".md"
        if len(parts) > 4 or any(len(part.encode()) > _LONGEST for part in parts):
            raise PathRefused(f"The file name {_shown(raw)} is too long; use a short one such as chapter_01.md.")
        if parts[0].casefold() in _CLOSED:
            raise PathRefused(f"{_shown(raw)} lies in a folder the studio keeps for itself; use another name.")
        return "/".join(self._existing_spelling(parts))

    def _check_part(self, raw: str, part: str) -> None:
        wrong = ""
        if not part or part in (".", ".."):
            wrong = "leads out of the book's folder" if raw.strip() else "is empty"
        elif part.startswith("."):
            wrong = "begins with a dot"
        elif part[-1] in ". ":
            wrong = "ends with a dot or a blank"
        elif any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") or c in '\\:*?"<>|' for c in part):
            wrong = "has a character that file names can't have everywhere"
        elif _RESERVED.fullmatch(part):
            wrong = "is reserved on some systems"
        if wrong:
            raise PathRefused(
                f"The file name {_shown(raw)} {wrong}; use a plain one such as chapter_01.md or bible/people.md."
            )

    def _existing_spelling(self, parts: list[str]) -> list[str]:
        folder, spelled = self.root, []
        for number, part in enumerate(parts):
            try:
                there = [entry.name for entry in os.scandir(folder)]
            except OSError:
                there = []
            if part not in there:
                part = next((name for name in there if _folded(name) == _folded(part)), part)
            spelled.append(part)
            folder = folder / part
            self._refuse_links(folder, last=number == len(parts) - 1)
        return spelled

    def _refuse_links(self, path: Path, *, last: bool) -> None:
        try:
            found = path.lstat()
        except OSError:
            return
        if stat.S_ISLNK(found.st_mode):
            raise PathRefused(f"{path.name} is a link out of the book; the studio writes plain files only.")
        if last and not stat.S_ISREG(found.st_mode):
            raise PathRefused(f"{path.name} is no plain file; use another name.")
        if last and found.st_nlink > 1:
            raise PathRefused(f"{path.name} is linked elsewhere; the studio writes plain files only.")
        if not last and not stat.S_ISDIR(found.st_mode):
            raise PathRefused(f"{path.name} is a file, not a folder; use another name.")

    def names(self) -> list[str]:
        """Every Markdown file of the book in reading order; no links, no dotfiles, no editors' leavings."""
        found: list[str] = []

        def walk(folder: Path, prefix: str, depth: int) -> None:
            try:
                entries = list(os.scandir(folder))
            except OSError:
                return
            for entry in entries:
                if entry.name.startswith(".") or entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < 3 and not (depth == 0 and entry.name in _CLOSED):
                        walk(Path(entry.path), f"{prefix}{entry.name}/", depth + 1)
                elif entry.name.lower().endswith(".md") and not is_leaving(entry.name):
                    found.append(prefix + entry.name)

        walk(self.root, "", 0)
        return reading_order(found)

    # --- reading --------------------------------------------------------------------------------------------------

    def read_bytes(self, name: str) -> bytes | None:
        """The file's bytes, or None when there is no such file. Raises `BookError` when it can't be read."""
        try:
            parent = self._parent(name, make=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BookError(f"{name} can't be read ({error.strerror}).") from error
        try:
            handle = os.open(name.rpartition("/")[2], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BookError(f"{name} can't be read ({error.strerror}).") from error
        finally:
            os.close(parent)
        with os.fdopen(handle, "rb") as file:
            return file.read()

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

    def stat(self, name: str) -> os.stat_result | None:
        """The file's status, or None when there is no such file."""
        try:
            return (self.root / name).lstat()
        except OSError:
            return None

    def _parent(self, name: str, *, make: bool) -> int:
        """A handle of the folder a name lies in, walked without following links. Raises `OSError`."""
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in name.split("/")[:-1]:
                if make:
                    try:
                        os.mkdir(part, dir_fd=handle)
                        os.fsync(handle)
                    except FileExistsError:
                        pass
                inner = os.open(part, _DIRECTORY, dir_fd=handle)
                os.close(handle)
                handle = inner
        except BaseException:
            os.close(handle)
            raise
        return handle

    # --- writing --------------------------------------------------------------------------------------------------

    def temp_name(self) -> str:
        """A name for a temporary file that nobody has."""
        return f"{uuid.uuid4().hex}.tmp"

    def temp_path(self, temp: str) -> Path:
        """Where a temporary file lies: inside the record's folder, on the book's own file system."""
        return self.root / STUDIO / "tmp" / temp

    def stage(self, temp: str, text: str) -> None:
        """Put `text` into a temporary file, flushed to the disk. Raises `BookUnsaved`."""
        path = self.temp_path(temp)
        try:
            make_studio_folder(self.root)
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            sync_folder(path.parent)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise BookUnsaved(f"The book can't be written ({error.strerror}); free some room, then resume.") from error

    def put(self, temp: str, name: str) -> bool:
        """Put a staged file in the place of `name`; True if one was displaced, which `temp` holds then.

        A file that appears in a place thought empty is never overwritten: it is displaced like any other.

        Raises:
            BookUnsaved: the disk refused.
        """
        path = self.temp_path(temp)
        last = name.rpartition("/")[2]
        try:
            parent = self._parent(name, make=True)
        except OSError as error:
            raise BookUnsaved(f"{name} can't be written ({error.strerror}).") from error
        try:
            try:
                # A link, not a rename: the temporary name stays as the proof that the write was done.
                os.link(path, last, dst_dir_fd=parent, follow_symlinks=False)
                displaced = False
            except FileExistsError:
                path.chmod(stat.S_IMODE(os.stat(last, dir_fd=parent, follow_symlinks=False).st_mode))
                _exchange(path, last, parent)
                displaced = True
            os.fsync(parent)
            sync_folder(path.parent)
        except OSError as error:
            raise BookUnsaved(f"{name} can't be written ({error.strerror}); free some room, then resume.") from error
        finally:
            os.close(parent)
        return displaced

    def displaced(self, temp: str) -> bytes | None:
        """What a temporary file holds; None when it is gone."""
        try:
            return self.temp_path(temp).read_bytes()
        except FileNotFoundError:
            return None

    def is_linked(self, temp: str, name: str) -> bool:
        """Whether `name` is the staged file itself: the write of a new file was done."""
        try:
            return (self.root / name).samefile(self.temp_path(temp))
        except OSError:
            return False

    def drop(self, temp: str) -> None:
        """Remove a temporary file, if it is there."""
        self.temp_path(temp).unlink(missing_ok=True)


def is_leaving(name: str) -> bool:
    """Whether a file's name is that of an editor's swap, lock, probe or backup file."""
    return name.startswith(".") or _SWAP.match(name) is not None


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchange(temp: Path, name: str, parent: int) -> None:
    """Swap two files in one atomic step. Raises `OSError`."""
    if sys.platform == "linux" and _swap_linux(temp, name, parent):
        return
    if sys.platform == "darwin" and _swap_darwin(temp, name, parent):
        return
    # Not atomic: an editor's save between the two renames survives as the kept copy all the same.
    kept = temp.with_suffix(".displaced")
    os.rename(name, kept, src_dir_fd=parent)
    os.link(temp, name, dst_dir_fd=parent)
    kept.replace(temp)


def _swap_linux(temp: Path, name: str, parent: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    done = libc.renameat2(_AT_FDCWD, os.fsencode(temp), parent, os.fsencode(name), _RENAME_EXCHANGE)
    return _swapped(done)


def _swap_darwin(temp: Path, name: str, parent: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.renameatx_np(-2, os.fsencode(temp), parent, os.fsencode(name), _RENAME_SWAP)
    return _swapped(done)


def _swapped(done: int) -> bool:
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False  # this file system can't
    raise OSError(number, os.strerror(number))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _shown(raw: str) -> str:
    short = raw if len(raw) <= 60 else raw[:60] + "…"
    return "“" + "".join(c if c.isprintable() else "�" for c in short) + "”"

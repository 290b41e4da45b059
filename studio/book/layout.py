"""Where a book is and what its author set for it: folders, book.yaml, the order of reading."""

import contextlib
import difflib
import errno
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from studio.errors import BookError, UsageError
from studio.events import Gate
from studio.settings_file import load_settings_file, parse_mapping, parse_settings, read_settings_file

SETTINGS = "book.yaml"
STUDIO = ".studio"

_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}
_NUMBER = re.compile(r"(\d+)")
_OPENS = re.compile(r"(?:prologue|preface|foreword|introduction|dedication|epigraph)(?![a-z])", re.IGNORECASE)
_LONGEST = 60  # characters of a folder's name made from a prompt
_LONGEST_BYTES = 200


class BookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stands in book.yaml. Everything may be left out."""

    title: str = ""
    author: str = ""
    language: str = ""
    prompt: str = ""  # what the author asked for
    cowrite: bool = False  # the author and the agent talk the book over before it is written
    words_per_chapter: str | int = ""  # e.g. "3,000-4,000"
    chapters: Annotated[int, msgspec.Meta(ge=1)] | None = None
    review_rounds: Annotated[int, msgspec.Meta(ge=0)] = 2  # how often a chapter is read by the rubric at most
    budget: Annotated[float, msgspec.Meta(ge=0)] | None = None  # US dollars
    gate: Gate | None = None  # where a run stops by itself, to be looked at
    locked: list[str] | str = []  # files the agent may not change, or one; `bible/*` for all of a folder
    order: list[str] = []  # chapter files in reading order, when their names don't say it

    def locks(self) -> list[str]:
        """What `locked` names, one by one."""
        return [self.locked] if isinstance(self.locked, str) else list(self.locked)


def load_settings(book: Path) -> BookSettings:
    """The book's settings. Raises `UsageError` naming the line that can't be taken."""
    return load_settings_file(book / SETTINGS, BookSettings)


def save_settings(book: Path, settings: BookSettings) -> None:
    """Write book.yaml in one go, over whatever stands there. Raises `BookError`."""
    values = msgspec.to_builtins(settings)
    replace_text(book / SETTINGS, _yaml(values) if values else "")


def update_settings(book: Path, **values: object) -> BookSettings:
    """Change some settings of book.yaml and leave its other lines as the author wrote them; returns them all.

    Raises:
        UsageError: book.yaml can't be read, or a value is none it can hold.
        BookError: it can't be written.
    """
    path = book / SETTINGS
    body = read_settings_file(path) or b""
    whole = {**msgspec.to_builtins(parse_settings(body, str(path), BookSettings)), **values}
    wanted = parse_settings(_yaml(whole).encode("utf-8", "replace"), str(path), BookSettings)
    text = _with_lines(body, str(path), values)
    try:
        same = parse_settings(text.encode("utf-8", "replace"), str(path), BookSettings) == wanted
    except UsageError:
        same = False  # written in a style that can't be changed line by line
    replace_text(path, text if same else _yaml(whole))
    return wanted


def _with_lines(body: bytes, name: str, values: dict[str, object]) -> str:
    """The text of `body` with the lines of these keys exchanged; a new key comes last."""
    _, places = parse_mapping(body, name)
    lines = body.decode("utf-8-sig").replace("\r\n", "\n").splitlines(keepends=True)
    for key in sorted(values, key=lambda key: -places.get(key, (len(lines), 0))[0]):
        start, end = places.get(key, (len(lines), len(lines)))
        if start == len(lines) and lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines[start:end] = [_yaml({key: values[key]})]
    return "".join(lines)


def _yaml(values: dict[str, object]) -> str:
    return yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=100)


def replace_text(path: Path, text: str) -> None:
    """Put a text in a file's place in one go, on disk when this returns. Raises `BookError`."""
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temp.unlink(missing_ok=True)
        with temp.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            temp.chmod(stat.S_IMODE(path.stat().st_mode))
        temp.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            temp.unlink(missing_ok=True)
        raise BookError(
            f"{path} can't be written ({error.strerror}); free some room or mend its permissions."
        ) from error


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk. Raises `OSError`."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def slug(title: str) -> str:
    """A folder's name out of a title or prompt: lower case, words joined by hyphens, at most 60 characters."""
    plain = unicodedata.normalize("NFKC", title).casefold()
    kept = "".join(
        c if unicodedata.category(c)[0] in "LMN" else "" if c in "'’" else " "
        for c in unicodedata.normalize("NFC", plain)
    )
    name = ""
    for word in kept.split():
        longer = f"{name}-{word}" if name else word[:_LONGEST]
        if len(longer) > _LONGEST or len(longer.encode()) > _LONGEST_BYTES:
            break
        name = longer
    if not name and kept.split():  # one word too long for a file system
        name = kept.split()[0].encode()[:_LONGEST_BYTES].decode("utf-8", "ignore")
    return "book" if not name or name in _RESERVED else name


def create_book(projects: Path, prompt: str, name: str | None = None, *, cowrite: bool = False) -> Path:
    """Make the folder of a new book; returns it.

    Args:
        cowrite: its author and the agent talk it over before it is written.

    Raises:
        UsageError: the prompt is empty, the name is taken or can't be a folder's name.
        BookError: the folder can't be made.
    """
    if not prompt.strip():
        raise UsageError('The prompt is empty; say what the book should be, e.g. studio new "A sea story".')
    if name is not None:
        _check_name(name)
    root = None
    try:
        if projects.exists() and not projects.is_dir():
            raise UsageError(f"The projects folder {projects} is a file; give another one with --projects.")
        _make_lasting(projects)
        root = _make_folder(projects, name or slug(prompt), exact=name is not None)
        make_studio_folder(root)
        wish = prompt.strip().encode("utf-8", "replace").decode("utf-8")
        save_settings(root, BookSettings(prompt=wish, cowrite=cowrite))
    except (OSError, BookError) as error:
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)  # ours, and empty but for what we began
        if isinstance(error, BookError):
            raise
        raise BookError(
            f"The book can't be made in {projects} ({error.strerror}); choose a folder you may write to with "
            "--projects, or free some room."
        ) from error
    return root


def _make_lasting(folder: Path) -> None:
    """Make a folder and those it lies in, each flushed into the one above. Raises `OSError`."""
    if not folder.is_dir():
        _make_lasting(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def _make_folder(projects: Path, name: str, *, exact: bool) -> Path:
    for number in range(1, 10_000):
        root = projects / (name if number == 1 else f"{name}-{number}")
        try:
            root.mkdir()
        except FileExistsError as error:
            if exact:
                raise UsageError(
                    f"There is a book {name} already; go on with it by `studio resume {name}`, or take another --name."
                ) from error
            continue
        return root
    raise BookError(f"{projects} holds thousands of books called {name}; give this one a --name.")


def make_studio_folder(root: Path) -> Path:
    """The folder of the record, `.studio/`: the owner's alone, and ignored by git.

    Its name and the book's are flushed even if both are there: whoever made them may not have come to it.

    Raises:
        OSError: it can't be made, or a link or a file stands there.
    """
    folder = make_private_folder(root / STUDIO)
    ignore = folder / ".gitignore"
    if not os.path.lexists(ignore) or (not ignore.is_symlink() and not ignore.stat().st_size):
        handle = os.open(ignore, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("*\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
    sync_folder(root)
    with contextlib.suppress(OSError):  # the folder above may not be ours to read
        sync_folder(root.resolve().parent)
    return folder


def make_private_folder(folder: Path) -> Path:
    """A folder for its owner alone, also when it was there and open to others.

    Raises:
        OSError: it can't be made, or a link or a file stands there: nothing is written where a link leads.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(handle).st_mode & 0o077:
            with contextlib.suppress(PermissionError):  # another's, or a file system that has no modes
                os.fchmod(handle, 0o700)
    finally:
        os.close(handle)
    return folder


def refuse_odd_file(file: Path) -> bool:
    """Whether there is such a file. Raises `OSError` for what is no plain file: no link is followed, no pipe opened."""
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode):
        raise OSError(errno.ELOOP if stat.S_ISLNK(mode) else errno.EINVAL, f"{file.name} is no plain file", str(file))
    return True


def _check_name(name: str) -> None:
    stem = name.split(".")[0].strip().lower()
    bad = any(not c.isprintable() or c in '/\\:*?"<>|' for c in name)
    wrong = not name.strip() or bad or name[0] in ".- " or name[-1] in ". " or stem in _RESERVED
    if wrong or len(name.encode("utf-8", "replace")) > _LONGEST_BYTES:
        shown = "".join(c if c.isprintable() else "�" for c in name[:_LONGEST])
        raise UsageError(f"“{shown}” can't be a folder's name; use letters, digits and hyphens for --name.")


def find_book(projects: Path, name: str) -> Path:
    """The folder of a book, by its name in `projects` or by its path.

    Raises:
        UsageError: there is no such book; names the nearest ones.
    """
    given = Path(name).expanduser() if "/" in name or name in (".", "..", "~") else None
    place = given if given is not None else projects / name
    try:
        if name and is_book(place):
            return place.resolve()
        if name and place.exists() and not place.is_dir():
            raise UsageError(f"{place} is a file, not a book's folder; `studio list` shows the books.")
    except (OSError, ValueError) as error:  # a name that no system can hold, a folder that may not be entered
        raise UsageError(f"“{name[:_LONGEST]}” can't be opened ({error}); `studio list` shows the books.") from error
    near = difflib.get_close_matches(name, [book.name for book in books(projects)], n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`studio list` shows the books."
    raise UsageError(f"There is no book “{name}” in {projects}; {hint}")


def is_book(folder: Path) -> bool:
    """Whether a folder holds a book: a book.yaml, a record, or Markdown. Raises `OSError`."""
    return folder.is_dir() and ((folder / SETTINGS).exists() or (folder / STUDIO).is_dir() or any(folder.glob("*.md")))


def books(projects: Path) -> list[Path]:
    """The folders of all books, by name; what can't be read is left out."""

    def readable(folder: Path) -> bool:
        try:
            return not folder.name.startswith(".") and is_book(folder)
        except OSError:
            return False

    try:
        return sorted(folder for folder in projects.iterdir() if readable(folder))
    except OSError:
        return []


def reading_order(names: Iterable[str], preferred: Sequence[str] = ()) -> list[str]:
    """File names as a reader meets them: the outline, the chapters by the numbers in their names, the rest, folders.

    Args:
        preferred: names in an order of the author's; they come first among the chapters.
    """
    place = {name: number for number, name in enumerate(preferred)}

    def key(name: str) -> tuple[int, int, list[tuple[int, int, str]]]:
        natural = [
            (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBER.split(name.casefold()) if part
        ]
        if name == "outline.md":
            group = 0
        elif "/" in name:
            group = 5
        elif name in place:
            group = 1
        elif _OPENS.match(name):
            group = 2
        else:
            group = 3 if _NUMBER.search(name) else 4
        return group, place.get(name, 0), natural

    return sorted(names, key=key)

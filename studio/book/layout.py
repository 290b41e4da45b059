"""Where a book is and what its author set for it: folders, book.yaml, the order of reading."""

import contextlib
import difflib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import yaml

from studio.errors import BookError, UsageError
from studio.settings_file import load_settings_file

SETTINGS = "book.yaml"
STUDIO = ".studio"

_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}
_NUMBER = re.compile(r"(\d+)")
_LONGEST = 60  # characters of a folder's name made from a prompt


class BookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stands in book.yaml. Everything may be left out."""

    title: str = ""
    author: str = ""
    language: str = ""
    prompt: str = ""  # what the author asked for
    words_per_chapter: str = ""  # e.g. "3,000-4,000"
    chapters: int | None = None
    budget: float | None = None  # US dollars
    order: list[str] = []  # chapter files in reading order, when their names don't say it


def load_settings(book: Path) -> BookSettings:
    """The book's settings. Raises `UsageError` naming the line that can't be taken."""
    return load_settings_file(book / SETTINGS, BookSettings)


def save_settings(book: Path, settings: BookSettings) -> None:
    """Write book.yaml in one go. Raises `BookError`."""
    text = yaml.safe_dump(msgspec.to_builtins(settings), allow_unicode=True, sort_keys=False, width=100)
    try:
        _replace(book / SETTINGS, text if msgspec.to_builtins(settings) else "")
    except OSError as error:
        raise BookError(
            f"{book / SETTINGS} can't be written ({error.strerror}); free some room or mend its permissions."
        ) from error


def _replace(path: Path, text: str) -> None:
    handle, temp = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temp).chmod(0o644)
        Path(temp).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temp).unlink()
        raise


def slug(title: str) -> str:
    """A folder's name out of a title or prompt: lower case, words joined by hyphens, at most 60 characters."""
    plain = unicodedata.normalize("NFC", title).casefold()
    words = re.findall(r"[^\W_]+", plain.replace("'", "").replace("’", ""))
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:_LONGEST]
        if len(longer.encode()) > _LONGEST and name:
            break
        name = longer
    while len(name.encode()) > 200:
        name = name[:-1]
    return "book" if not name or name in _RESERVED else name


def create_book(projects: Path, prompt: str, name: str | None = None) -> Path:
    """Make the folder of a new book; returns it.

    Raises:
        UsageError: the prompt is empty, the name is taken or can't be a folder's name.
        BookError: the folder can't be made.
    """
    if not prompt.strip():
        raise UsageError('The prompt is empty; say what the book should be, e.g. studio new "A sea story".')
    if name is not None:
        _check_name(name)
        if (projects / name).exists():
            raise UsageError(
                f"There is a book {name} already; go on with it by `studio resume {name}`, or take another --name."
            )
    settings = BookSettings(prompt=prompt.strip())
    try:
        if projects.exists() and not projects.is_dir():
            raise BookError(f"The projects folder {projects} is a file; give another one with --projects.")
        projects.mkdir(parents=True, exist_ok=True)
        root = _make_folder(projects, name or slug(prompt), exact=name is not None)
        make_studio_folder(root)
    except OSError as error:
        raise BookError(
            f"The book can't be made in {projects} ({error.strerror}); choose a folder you may write to with --projects."
        ) from error
    save_settings(root, settings)
    return root


def _make_folder(projects: Path, name: str, *, exact: bool) -> Path:
    for number in range(1, 10_000):
        root = projects / (name if number == 1 else f"{name}-{number}")
        try:
            root.mkdir()
        except FileExistsError:
            if exact:
                raise
            continue
        return root
    raise BookError(f"{projects} holds thousands of books called {name}; give this one a --name.")


def make_studio_folder(root: Path) -> Path:
    """The folder of the record, `.studio/`: the owner's alone, and ignored by git. Raises `OSError`."""
    folder = root / STUDIO
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder


def _check_name(name: str) -> None:
    stem = name.split(".")[0].lower()
    bad = any(ord(c) < 32 or c in '/\\:*?"<>|' for c in name)
    if (
        not name.strip()
        or bad
        or name.startswith((".", "-"))
        or name[-1] in ". "
        or stem in _RESERVED
        or len(name.encode()) > 200
    ):
        raise UsageError(f"“{name}” can't be a folder's name; use letters, digits and hyphens for --name.")


def find_book(projects: Path, name: str) -> Path:
    """The folder of a book, by its name in `projects` or by its path.

    Raises:
        UsageError: there is no such book; names the nearest ones.
    """
    given = Path(name).expanduser()
    looks_like_path = len(given.parts) > 1 or name in (".", "..")
    place = given if looks_like_path else projects / name
    if place.is_dir() and is_book(place):
        return place.resolve()
    if place.exists() and not place.is_dir():
        raise UsageError(f"{place} is a file, not a book's folder; `studio list` shows the books.")
    names = [book.name for book in books(projects)]
    near = difflib.get_close_matches(name, names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`studio list` shows the books."
    raise UsageError(f"There is no book “{name}” in {projects}; {hint}")


def is_book(folder: Path) -> bool:
    """Whether a folder holds a book: a book.yaml, a record, or Markdown."""
    return (folder / SETTINGS).exists() or (folder / STUDIO).is_dir() or any(folder.glob("*.md"))


def books(projects: Path) -> list[Path]:
    """The folders of all books, by name."""
    try:
        return sorted(p for p in projects.iterdir() if p.is_dir() and not p.name.startswith(".") and is_book(p))
    except OSError:
        return []


def reading_order(names: Iterable[str], preferred: Sequence[str] = ()) -> list[str]:
    """File names as a reader meets them: the outline, the chapters by the numbers in their names, then folders.

    Args:
        preferred: names in an order of the author's; they come first among the chapters.
    """
    place = {name: number for number, name in enumerate(preferred)}

    def key(name: str) -> tuple[int, int, list[tuple[int, int, str]]]:
        group = 0 if name == "outline.md" else 2 if "/" in name else 1
        natural = [
            (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _NUMBER.split(name.casefold()) if part
        ]
        return group, place.get(name, len(place)), natural

    return sorted(names, key=key)

"""Summaries of a run as files for the author: readable copies of what the record keeps, beside it."""

from collections.abc import Mapping
from pathlib import Path

from studio.book.layout import STUDIO, make_private_folder, replace_text
from studio.errors import BookError
from studio.printable import printable

FOLDER = "summaries"


def summary_file(book: Path, step: int) -> Path:
    """Where the summary after a step lies."""
    return book / STUDIO / FOLDER / f"step_{step:04}.md"


def write_summaries(book: Path, kept: Mapping[int, str]) -> None:
    """Write those that are not there yet (step -> text). Raises `BookError`; the record has them all the same."""
    try:
        make_private_folder(book / STUDIO / FOLDER)
    except OSError as error:
        raise BookError(f"{book / STUDIO / FOLDER} can't be made ({error.strerror}).") from error
    for step, text in kept.items():
        file = summary_file(book, step)
        if not file.exists():
            replace_text(file, printable(text).rstrip() + "\n")  # a model's words, shown in a terminal as likely as not

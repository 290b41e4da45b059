"""Handing a file to the author's own editor while the run goes on."""

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from studio.book.files import Folder
from studio.errors import StudioError

_FALLBACKS = ("nano", "vim", "vi")


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """`$VISUAL`, else `$EDITOR` (with their arguments), else one that is there. Raises `StudioError`."""
    chosen = environment.get("VISUAL") or environment.get("EDITOR")
    path = environment.get("PATH")
    if chosen:
        try:
            command = shlex.split(chosen)
        except ValueError as error:
            raise StudioError(f"$VISUAL or $EDITOR can't be read ({error}): “{chosen}”.") from error
        if command and shutil.which(command[0], path=path):
            return command
        raise StudioError(f"The editor “{chosen}” of $VISUAL or $EDITOR is not to be found; set it to one that is.")
    for name in _FALLBACKS:
        if shutil.which(name, path=path):
            return [name]
    raise StudioError("No editor is set; set $VISUAL or $EDITOR to yours, or open the chapter in any editor outside.")


async def edit_in_terminal(app: App[Any], file: Path) -> None:
    """Give the terminal to the editor until it ends; the loop, and the run in it, go on meanwhile.

    Raises:
        StudioError: there is no editor, it failed, or the terminal can't be given away.
    """
    command = editor_command(os.environ)
    try:
        # Nothing may be drawn while the terminal is the editor's.
        with app.batch_update(), app.suspend(), _interrupts_are_the_editors():
            process = await asyncio.create_subprocess_exec(*command, str(file))
            code = await process.wait()
    except SuspendNotSupported as error:
        raise StudioError("This terminal can't be handed over; open the chapter in an editor outside.") from error
    except OSError as error:
        raise StudioError(f"The editor {command[0]} did not start ({error.strerror}).") from error
    finally:
        app.refresh(layout=True)
    if code:
        raise StudioError(f"The editor {command[0]} ended with {code}; what it saved is taken in.")


async def edit_book_file(app: App[Any], root: Path, file: str) -> None:
    """As `edit_in_terminal`, with a file of a book. Raises `StudioError` too when it is none of the book's any more."""
    if file not in Folder(root).names():  # gone, or a link to elsewhere by now
        raise StudioError(f"{file} is no file of the book any more.")
    await edit_in_terminal(app, root / file)


@contextmanager
def _interrupts_are_the_editors() -> Iterator[None]:
    """Ctrl+C reaches the whole foreground: it is meant for the editor then, not for us."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which the editor would inherit
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""The command line: parses, then hands over. Everything heavy is imported by the command that needs it."""

import argparse
import asyncio
import contextlib
import io
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from studio.config import Config, hide_secrets, load_config, log_folder
from studio.errors import StudioError, UsageError
from studio.logs import start_log
from studio.printable import printable_line
from studio.redact import Redactor

if TYPE_CHECKING:
    from studio.wiring import Workshop

FLAGS = ("projects", "backend", "model", "base_url", "context", "max_steps", "budget", "max_hours", "theme", "gate")

EPILOG = """\
With no key and no flag the studio writes with the embedded model, on this machine.
For a better one: MOONSHOT_API_KEY=… studio new "…" --backend moonshot, or
studio new "…" --backend openai --base-url http://127.0.0.1:8080/v1. `studio backends` lists them all.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `studio`; returns the exit code (0 finished, 1 failed, 2 usage, 3 waiting, 130 interrupted)."""
    _never_refuse_a_character()
    parsed = _parse(arguments)
    flags = {name: getattr(parsed, name) for name in FLAGS if hasattr(parsed, name)}
    redact = Redactor()
    hide_secrets(redact, os.environ)
    start_log(log_folder(), redact)
    try:
        config = load_config(flags, file=getattr(parsed, "config", None), environment=os.environ, redact=redact)
        for warning in config.warnings:
            _complain(warning, redact)
        code: int = parsed.command(config, parsed)
        return code
    except StudioError as error:
        _complain(str(error), redact)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        logging.getLogger("studio").exception("the studio failed")
        where = log_folder() / "studio.log"
        _complain(f"The studio failed ({type(error).__name__}); everything is saved. See {where}.", redact)
        return 1


def _never_refuse_a_character() -> None:
    """What a terminal's encoding lacks is shown as `?`: a title or a tick must not end the studio."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(io.UnsupportedOperation):  # it has been read from
                stream.reconfigure(errors="replace")


def _complain(sentence: str, redact: Redactor) -> None:
    print(f"studio: {printable_line(redact(sentence))}", file=sys.stderr, flush=True)


def _say(text: str, redact: Redactor) -> None:
    print(printable_line(redact(text)), flush=True)


# --- commands -----------------------------------------------------------------------------------------------------


def _bare(config: Config, parsed: argparse.Namespace) -> int:
    if not _is_terminal():
        raise UsageError(
            'There is no terminal to draw in. Start a book with `studio new "PROMPT" --headless`, go on with one by '
            "`studio resume BOOK --headless`, or run `studio` in a terminal."
        )
    _check_theme(config)
    return _desk(config, None)


def _new(config: Config, parsed: argparse.Namespace) -> int:
    workshop = _workshop(config, parsed)
    if parsed.cowrite and not parsed.json and (parsed.headless or not _is_terminal()):
        raise UsageError(
            "There is nobody to talk the book over with: use --cowrite in a terminal, or with --json and the author's "
            "turns on stdin."
        )
    workshop.refuse_early()
    _check_theme(config)
    book = workshop.create(parsed.prompt, parsed.name, cowrite=parsed.cowrite)
    return _work(config, parsed, workshop, book)


def _resume(config: Config, parsed: argparse.Namespace) -> int:
    workshop = _workshop(config, parsed)
    workshop.find(parsed.book)  # what is not there is said before anything else
    _check_theme(config)
    return _work(config, parsed, workshop, parsed.book)


def _list(config: Config, parsed: argparse.Namespace) -> int:
    books = _workshop(config, parsed).books()
    if not books:
        _say(f'No books in {config.projects} yet. Start one: studio new "A sea story in three chapters"', config.redact)
        return 0
    wide = max(len(book.name) for book in books)
    for book in books:
        touched = time.strftime("%Y-%m-%d %H:%M", time.localtime(book.touched))
        line = f"{book.name:<{wide}}  {book.words:>9,} words  {book.state:<14}  {touched}  {book.title}"
        _say(line.rstrip(), config.redact)
    return 0


def _backends(config: Config, parsed: argparse.Namespace) -> int:
    if parsed.check:
        checking = _workshop(config, parsed).check(
            lambda line: _say(line, config.redact),
            lambda text: print(f"… {printable_line(config.redact(text))}", file=sys.stderr, flush=True),
        )
        return 0 if asyncio.run(checking) else 1
    for backend in _workshop(config, parsed).backends():
        _say(f"{'✓' if backend.ready else '–'} {backend.name:<11} {backend.summary}", config.redact)
    print("\nChoose one with --backend NAME, and a model with --model NAME; --base-url for any other endpoint.")
    print("`studio backends --check` makes a small call to each that is set up.")
    return 0


def _replay(config: Config, parsed: argparse.Namespace) -> int:
    from studio.book.layout import find_book
    from studio.replay import replay

    return replay(find_book(config.projects, parsed.book), sys.stdout.buffer, json=parsed.json, speed=parsed.speed)


def _history(config: Config, parsed: argparse.Namespace) -> int:
    from studio.history_command import Asked, run_history

    asked = Asked(**{name: getattr(parsed, name) for name in Asked.__struct_fields__ if hasattr(parsed, name)})
    return run_history(config.projects, asked, sys.stdout, environment=os.environ)


def _work(config: Config, parsed: argparse.Namespace, workshop: "Workshop", book: str) -> int:
    if _goes_headless(parsed):
        return asyncio.run(_headless(config, parsed, workshop, book))
    said = {"note": getattr(parsed, "note", None), "go": getattr(parsed, "go", False)}
    return _desk(config, book, getattr(parsed, "from_summary", None), **said)


def _goes_headless(parsed: argparse.Namespace) -> bool:
    if parsed.headless or parsed.json:
        return True
    if _is_terminal():
        return False
    print("studio: no terminal here, so this goes on headless.", file=sys.stderr)
    return True


async def _headless(config: Config, parsed: argparse.Namespace, workshop: "Workshop", book: str) -> int:
    from studio.headless import run_headless
    from studio.sessions import FollowingSession

    session = await workshop.open(book)
    if isinstance(session, FollowingSession):
        await session.close()
        raise StudioError(session.held_by)
    if session.recovered:
        _complain(session.recovered, config.redact)
    if session.hint:
        _complain(session.hint, config.redact)
    if getattr(parsed, "note", None):
        session.run.answer(parsed.note)
    if getattr(parsed, "go", False):
        session.run.go()
    return await run_headless(
        session,
        json=parsed.json,
        out=sys.stdout.buffer,
        complain=lambda sentence: _complain(sentence, config.redact),
        commands=sys.stdin if _takes_commands(parsed) else None,
    )


def _check_theme(config: Config) -> None:
    """An unknown or broken theme is refused before a book is made or a screen taken."""
    theme = config.chosen("theme")
    if theme is not None:
        from studio.tui.themes import load_themes, theme_folders

        load_themes(theme_folders(config.folder)).get(str(theme))


def _desk(config: Config, book: str | None, from_summary: int | None = None, **said: Any) -> int:
    from studio.tui.app import StudioApp
    from studio.tui.themes import load_themes, theme_folders

    themes = load_themes(theme_folders(config.folder))
    theme = config.chosen("theme")
    from studio.wiring import Workshop

    app = StudioApp(
        Workshop(config, pause_on_fault=True, is_author_there=True, from_summary=from_summary),
        themes=themes,
        theme=None if theme is None else str(theme),
        book=book,
        **said,
    )
    code = app.run()
    if app.failure:
        raise StudioError(f"{app.failure} See {log_folder() / 'studio.log'}." if app.return_code else app.failure)
    return int(code or app.return_code or 0)


def _workshop(config: Config, parsed: argparse.Namespace) -> "Workshop":
    from studio.wiring import Workshop

    return Workshop(
        config,
        pause_on_fault=False,
        is_author_there=_takes_commands(parsed),
        from_summary=getattr(parsed, "from_summary", None),
    )


def _takes_commands(parsed: argparse.Namespace) -> bool:
    return getattr(parsed, "json", False) and sys.stdin is not None


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


# --- parsing ------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Errors as one sentence on one line."""

    def error(self, message: str) -> NoReturn:
        redact = Redactor()  # a key that was meant for the environment may stand among the arguments
        hide_secrets(redact, os.environ)
        self.exit(2, f"studio: {printable_line(redact(message))}. Try `{self.prog} --help`.\n")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for. argparse can't see an optional FILE that comes after an option: it is left over here."""
    parser = _parser()
    parsed, rest = parser.parse_known_args(arguments)
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(parsed, "file", "") is None:
        parsed.file = rest.pop()
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return parsed


def _parser() -> argparse.ArgumentParser:
    everywhere = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    everywhere.add_argument("--projects", metavar="DIR", help="where the books are ($STUDIO_PROJECTS, ./projects)")
    everywhere.add_argument("--config", metavar="FILE", type=Path, help="another config.yaml")
    writing = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    writing.add_argument("--backend", metavar="NAME", help="where the model is; see `studio backends`")
    writing.add_argument("--model", metavar="NAME", help="the model's id, or the path of a .gguf for the embedded one")
    writing.add_argument("--base-url", metavar="URL", help="any OpenAI-compatible endpoint")
    writing.add_argument("--context", metavar="N", help="tokens the conversation may take")
    writing.add_argument("--max-steps", metavar="N", help="pause after this many model calls (300)")
    writing.add_argument("--budget", metavar="USD", help="pause when this much is spent")
    writing.add_argument("--max-hours", metavar="H", help="pause after so many hours of work, pauses left out")
    writing.add_argument("--gate", metavar="GATE", help="stop by itself after each chapter or step, or free: nowhere")
    writing.add_argument("--theme", metavar="NAME", help="colours of the desk")

    parser = _Parser(
        prog="studio",
        description="A writing studio in the terminal. Without a command: the library, then a desk.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[everywhere, writing],
    )
    parser.set_defaults(command=_bare)
    parser.add_argument("--version", action="version", version=f"studio {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, carry_out: Callable[[Config, argparse.Namespace], int], help: str, *parents: Any) -> Any:
        sub = commands.add_parser(name, help=help, description=help, parents=[everywhere, *parents])
        sub.set_defaults(command=carry_out)
        return sub

    new = command("new", _new, "Start a book.", writing)
    new.add_argument("prompt", metavar="PROMPT", help="what the book should be")
    new.add_argument(
        "--cowrite",
        action="store_true",
        help="talk the book over first, in turns, until you say go",
    )
    new.add_argument("--name", metavar="N", help="the folder's name; else made from the prompt")
    resume = command("resume", _resume, "Go on with a book.", writing)
    resume.add_argument("book", metavar="BOOK", help="the folder's name, or its path")
    resume.add_argument("--note", metavar="TEXT", help="a note to the agent, or the answer to its open question")
    resume.add_argument("--go", action="store_true", help="end the talk before the book: have it written now")
    resume.add_argument(
        "--from-summary",
        metavar="STEP",
        nargs="?",
        type=int,
        const=0,
        help="begin the conversation anew from the summary kept after this step (without STEP: the last one)",
    )
    for sub in (new, resume):
        sub.add_argument("--headless", action="store_true", help="no screen: readable text on stdout")
        sub.add_argument("--json", action="store_true", help="headless, one event a line; commands on stdin")
    command("list", _list, "List the books.")
    backends = command("backends", _backends, "List where a model can be.", writing)
    backends.add_argument("--check", action="store_true", help="make a small call to each, or to the --backend given")
    replay = command("replay", _replay, "Show again how a book was written.")
    replay.add_argument("book", metavar="BOOK")
    replay.add_argument(
        "--speed", metavar="N", type=float, default=0.0, help="1 as it was, 10 ten times as fast; 0 at once"
    )
    replay.add_argument("--json", action="store_true", help="one event a line")
    _add_history(command("history", _history, "Every version of every file: read, compare, put back."))
    return parser


def _add_history(history: argparse.ArgumentParser) -> None:
    history.add_argument("book", metavar="BOOK")
    history.add_argument("file", metavar="FILE", nargs="?", help="this file only")
    doing = history.add_mutually_exclusive_group()
    doing.add_argument("--show", metavar="N", type=int, help="the text right after revision N")
    doing.add_argument(
        "--diff", metavar=("A", "B"), nargs="+", type=int, help="word by word from revision A to B (without B: to now)"
    )
    doing.add_argument("--who", action="store_true", help="which sentences are yours, which the agent's")
    doing.add_argument(
        "--restore", metavar="N", type=int, help="put revision N's file back; with FILE, that one of then"
    )
    doing.add_argument("--undo-agent", metavar="SINCE", help="a revision, a time (14:30, 2026-11-24T14:30) or 2h")
    doing.add_argument("--prune", action="store_true", help="remove old versions of the agent's, never yours")
    history.add_argument("--book", dest="whole", action="store_true", help="with --restore: the whole book as of then")
    history.add_argument("--keep", metavar="N", type=int, help="with --prune: the newest of each file that stay (50)")
    history.add_argument("--json", action="store_true", help="one object a line")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("studio")
    except PackageNotFoundError:
        return "(not installed)"

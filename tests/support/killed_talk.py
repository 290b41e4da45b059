"""A book that is talked over first, by an author who knows only what the record says; the process ends at an event.

`python killed_talk.py` forks a process for each line `[root, url, kill_at, is_durable]` of JSON on its standard input,
and prints the exit code, negative for a signal: what is imported once need not be imported each time.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from studio import events as ev
from studio.agent.cowriting.stage import Stage
from studio.agent.limits.allowance import Limits
from studio.agent.open_book import OpenBook
from studio.agent.run import Run
from studio.backends.backend import Backend, BackendChoice
from studio.backends.catalog import open_backend
from studio.backends.vocabulary import vocabulary
from studio.config import cache_folder

REMARKS = ["stupid setup, try again", "No. A lighthouse, not a ship"]


# Streamed anew, or told by each process.
_EVERY_TIME = (ev.ToolArriving, ev.RunStarted, ev.BackendPreparing, ev.Resumed, ev.RunFinished)


def work(root: Path, url: str, kill_at: int, *, is_durable: bool) -> None:
    """Go on with the book until it is finished, or until this many events have come.

    Args:
        kill_at: events of this process, those left out that come each time; 0 = to the end.
        is_durable: they count once they are on disk; else as soon as they are told.
    """
    asyncio.run(_work(root, url, kill_at, is_durable=is_durable))


async def _work(root: Path, url: str, kill_at: int, *, is_durable: bool) -> None:
    book = OpenBook.open(root)

    def open_one(choice: BackendChoice) -> Backend:
        return open_backend(choice, key_of=lambda variable: "k", cache=cache_folder())

    choice = BackendChoice(backend="openai", model="scripted", base_url=url, context=100_000)
    run = Run(book, open_one(choice), open_one, Limits(steps=20), pause_on_fault=False)
    seen = 0

    def count(event: ev.Event) -> None:
        nonlocal seen
        if isinstance(event, (*ev.DELTAS, *_EVERY_TIME)):
            return
        seen += 1
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def speak() -> None:
        talk = book.progress.cowriting
        if talk.stage is not Stage.AUTHOR:
            return
        if talk.remarks < len(REMARKS):
            run.note(REMARKS[talk.remarks])
        else:
            run.go()

    def answer(event: ev.Event) -> None:
        if isinstance(event, ev.TurnEnded):
            asyncio.get_running_loop().call_soon(speak)

    if is_durable:
        book.journal.on_committed(count)
    else:
        book.stream.subscribe(count)
    book.stream.subscribe(answer)
    working = asyncio.create_task(run.work())
    asyncio.get_running_loop().call_later(0.02, speak)  # the talk may stand at the author's turn
    code = await working
    await book.close()
    assert code == 0, run.failure


def main() -> None:
    """Fork for each line."""
    import openai.resources.chat.completions  # noqa: F401  # seconds on a busy machine

    vocabulary().begin(cache_folder()).join()
    for line in sys.stdin:
        root, url, kill_at, is_durable = json.loads(line)
        child = os.fork()
        if not child:
            code = 1
            try:
                work(Path(root), url, kill_at, is_durable=is_durable)
                code = 0
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()

"""The check of a book's memory after a compression: reads the files, and looks in a thread."""

import asyncio
from collections.abc import Iterable

from studio import events as ev
from studio.agent.memory import recall
from studio.agent.open_book import OpenBook
from studio.book.texts import texts


async def check(book: OpenBook, remaining: Iterable[str], context: int) -> ev.MemoryChecked:
    """What was known of the book, how much of it remains, and the index of the rest; to be recorded by the caller.

    Args:
        remaining: the texts of the compressed conversation, pinned files included.
        context: tokens of the window; the index takes a small part of it.

    Raises:
        BookError: the folder can't be read.
    """
    # Taken now: while the thread looks, the author may say or write more, which the next step tells anyway.
    notes, decided = list(book.steering.notes), {file: list(said) for file, said in book.decisions.written.items()}

    def look() -> ev.MemoryChecked:
        # Reviews quote the chapters; what the agent has never seen it can't have forgotten.
        files = {
            name: text
            for name, text in texts(book.folder)
            if text and book.ledger.agent_view(name) and not name.startswith("notes/reviews/")
        }
        return recall.checked(recall.known_facts(files, notes, decided), remaining, recall.room(context))

    return await asyncio.to_thread(look)

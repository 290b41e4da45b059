"""The smallest window that a book can be written in: what every call holds, and room beside it for the work."""

from studio.agent import toolbox
from studio.agent.open_book import OpenBook
from studio.agent.prompts import prompt
from studio.backends.backend import Backend, Message
from studio.errors import BackendError

ROOM = 2_000  # tokens: a short summary, the author's last words, a scene of some 700 words and what a tool answers


def opening(book: OpenBook) -> list[Message]:
    """What every call of this book begins with: the system's words and the author's wish."""
    begun = book.conversation.messages[:2]
    wish = prompt("brief_cowriting" if book.settings.cowrite else "brief", prompt=book.settings.prompt)
    return begun or [Message(role="system", text=prompt("system")), Message(role="user", text=wish)]


def too_small(book: OpenBook, backend: Backend) -> BackendError | None:
    """Why this book can't be written in the window of a backend, with what to do; None when it can.

    Guided mode asks for one thing at a time, and gets along with any window.
    """
    if backend.guided:
        return None
    fixed = backend.count(opening(book), toolbox.SPECS)
    if fixed + ROOM <= backend.context:
        return None
    return BackendError(
        f"The window of {backend.model or backend.name} holds {backend.context:,} tokens; the tools and the brief "
        f"alone take {fixed:,}, and the work needs {ROOM:,} beside them: choose a model with a larger window, or give "
        "--context if the server can hold more."
    )

"""What can go wrong in the author's terms. Every message says what happened, where, and what to do; never a key."""

from typing import Any


class StudioError(Exception):
    """An error the author can do something about. `str(error)` is one clear sentence, fit for the screen."""

    exit_code = 1


class UsageError(StudioError):
    """The command or a configuration file asks for something that does not exist or can't be."""

    exit_code = 2


class BookError(StudioError):
    """A book's folder, file or journal can't be used."""


class BookHeld(BookError):
    """Another studio is writing this book."""


class BookUnsaved(BookError):
    """The disk could not take what has to be durable (full, read-only, I/O error); it is held in memory meanwhile."""


class BookGone(BookUnsaved):
    """The book's folder is not where it was: moved, renamed, its disk taken away; nothing is written until it is."""


class PathRefused(BookError):
    """A file name that would leave the book's folder, or that no system can hold."""


class BackendError(StudioError):
    """A model call failed. `retryable` says whether the same call may succeed a little later."""

    def __init__(
        self, message: str, *, retryable: bool = False, retry_after: float | None = None, answered: bool = True
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after  # seconds the server asked us to wait
        self.answered = answered  # False: nothing at that address has said a word
        self.is_reply = False  # True: the server took the call and ended it, with nothing to use in its answer
        self.advice = ""  # what the model has to be told before the next try: the name of a prompt
        self.cause = ""  # what happened, as a clause, where the sentence says more than that
        self.refusal = ""  # the server's words, when it refused the request for what was in it


class ContextOverflow(BackendError):
    """The conversation is larger than the backend's window. `window` is the server's own figure, if it gave one."""

    def __init__(self, message: str, *, window: int | None = None) -> None:
        super().__init__(message)
        self.window = window  # tokens


class StreamCut(BackendError):
    """The stream ended before the reply was complete; what arrived has been emitted already."""

    def __init__(
        self, message: str, *, retryable: bool = True, retry_after: float | None = None, advice: str = ""
    ) -> None:
        super().__init__(message, retryable=retryable, retry_after=retry_after)
        self.advice = advice
        self.usage: Any = None  # `events.Usage`, when the server said what the cut reply cost

"""One writer a book: an advisory lock on a file, held by the process, gone with it however it ends."""

import contextlib
import fcntl
import os
import socket
import time
from pathlib import Path

from studio.errors import BookError, BookHeld

_TRIES = 50
_BETWEEN = 0.001  # seconds


class BookLock:
    """A lock that is held. The file says by whom, for whoever comes second."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def take(cls, path: Path) -> "BookLock":
        """Take the lock.

        Raises:
            BookHeld: another process has it; says which, where and since when.
            BookError: the file can't be made or locked.
        """
        handle = -1
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            for _ in range(_TRIES):
                if _try(handle, fcntl.LOCK_EX):
                    break
                if not _try(handle, fcntl.LOCK_SH):
                    raise BookHeld(
                        f"{path.parent.parent.name} is being written by another studio ({_holder(handle)}); "
                        "close that one, or watch it here."
                    )
                # Somebody only looks whether it is held, which takes microseconds.
                fcntl.flock(handle, fcntl.LOCK_UN)
                time.sleep(_BETWEEN)
            else:
                raise BookHeld(f"{path.parent.parent.name} is being opened by another studio; try again.")
        except OSError as error:
            _close(handle)
            raise BookError(
                f"{path} can't be locked ({error.strerror}); free some room or mend its permissions."
            ) from error
        except BookHeld:
            _close(handle)
            raise
        with contextlib.suppress(OSError):  # who we are is a courtesy: a full disk must not keep us from the book
            os.ftruncate(handle, 0)
            since = time.strftime("%H:%M on %Y-%m-%d")
            os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}, since {since}".encode(), 0)
        return cls(handle)

    @staticmethod
    def is_held(path: Path) -> bool:
        """Whether some process holds the lock now."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _try(handle, fcntl.LOCK_SH)
        except OSError:
            return False  # a file system without locks
        finally:
            os.close(handle)

    def release(self) -> None:
        """Let go; a second time does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            with contextlib.suppress(OSError):  # as above
                os.ftruncate(handle, 0)
            os.close(handle)


def _try(handle: int, kind: int) -> bool:
    """Raises `OSError` where there are no locks."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(handle: int) -> str:
    return os.pread(handle, 400, 0).decode("utf-8", "replace").strip() or "it does not say which"


def _close(handle: int) -> None:
    if handle >= 0:
        os.close(handle)

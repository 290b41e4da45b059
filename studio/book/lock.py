"""One writer a book: an advisory lock on a file, held by the process, gone with it however it ends."""

import contextlib
import fcntl
import os
import socket
import time
from pathlib import Path

from studio.errors import BookError, BookHeld


class BookLock:
    """A lock that is held. The file says by whom, for whoever comes second."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def take(cls, path: Path) -> "BookLock":
        """Take the lock.

        Raises:
            BookHeld: another process has it; says which, where and since when.
            BookError: the file can't be made.
        """
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BookError(f"{path.parent} can't be written ({error.strerror}); mend its permissions.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 400, 0).decode("utf-8", "replace").strip()
            os.close(handle)
            raise BookHeld(
                f"{path.parent.parent.name} is being written by another studio ({holder or 'unknown'}); "
                "close that one, or watch it here."
            ) from error
        with contextlib.suppress(OSError):  # who we are is a courtesy: a full disk must not keep us from the book
            os.ftruncate(handle, 0)
            since = time.strftime("%Y-%m-%d %H:%M")
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
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def release(self) -> None:
        """Let go."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

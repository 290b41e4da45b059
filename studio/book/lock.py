"""One writer a book: an advisory lock held by the process, and beside it who holds it and that he is still alive.

The system lets go of the lock however the process ends. Where its locks do not reach (a network folder seen by two
machines, a file system without any) the owner written into the file counts: alive as long as his heartbeat goes on.
"""

import contextlib
import errno
import fcntl
import os
import socket
import time
import uuid
from pathlib import Path

import msgspec

from studio.errors import BookError, BookHeld

BEAT = 10.0  # seconds between two heartbeats
STALE = 45.0  # seconds without one after which an owner elsewhere is looked at closely
WATCHED = 12.0  # seconds he is then watched: his clock may differ from ours, his heartbeat does not

_TRIES = 50
_BETWEEN = 0.001  # seconds
_SIZE = 512  # bytes of the file
_SETTLED = 0.3  # seconds
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes the book, as the lock file says it."""

    process: int
    host: str
    since: str
    beat: float  # seconds since the epoch, by the owner's clock
    token: str  # of this one opening of the book

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


class BookLock:
    """A lock that is held."""

    def __init__(self, handle: int, owner: Owner, book: str) -> None:
        self._handle = handle
        self._owner = owner
        self._book = book
        self._beaten = time.monotonic()

    @classmethod
    def take(cls, path: Path, *, host: str = "", watched: float = WATCHED) -> "BookLock":
        """Take the lock; one whose owner is gone is taken over.

        Args:
            host: the name of this machine, where it is not the system's own.
            watched: seconds to look for the heartbeat of an owner on another machine.

        Raises:
            BookHeld: another process has it; says which, where and since when.
            BookError: the file can't be made or locked.
        """
        handle = -1
        book, host = path.parent.parent.name, host or socket.gethostname()
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
            has_locks = _take(handle, book)
            before = _owner(handle)
            if (
                before is not None
                and (before.host != host or not has_locks)
                and _is_alive(handle, before, host, watched)
            ):
                raise _held(book, before)
            owner = Owner(
                process=os.getpid(),
                host=host,
                since=time.strftime("%H:%M on %Y-%m-%d"),
                beat=time.time(),
                token=uuid.uuid4().hex,
            )
            with contextlib.suppress(OSError):  # who we are is a courtesy: a full disk must not keep us from the book
                _write(handle, owner)
            if not has_locks:
                time.sleep(_SETTLED)  # two that come at once both write: the one who wrote last has it
                if (now := _owner(handle)) is not None and now.token != owner.token:
                    raise _held(book, now)
        except OSError as error:
            _close(handle)
            raise BookError(
                f"{path} can't be locked ({error.strerror}); free some room or mend its permissions."
            ) from error
        except BookHeld:
            _close(handle)
            raise
        return cls(handle, owner, book)

    def beat(self) -> None:
        """Show that the owner is alive; does nothing between two heartbeats. Raises `BookHeld` as `check`."""
        if self._handle < 0 or time.monotonic() - self._beaten < BEAT:
            return
        self.check()
        self._beaten = time.monotonic()
        with contextlib.suppress(OSError):  # a full disk is told where something is lost by it
            _write(self._handle, msgspec.structs.replace(self._owner, beat=time.time()))

    def check(self) -> None:
        """Make sure that the book is still ours. Raises `BookHeld` when another studio took it over meanwhile."""
        owner = _owner(self._handle) if self._handle >= 0 else None
        if owner is not None and owner.token != self._owner.token:
            raise BookHeld(
                f"{self._book} was taken over by another studio ({owner}) while this one did not answer; "
                "nothing more is written here. Go on there, or close that one and open the book again."
            )

    def is_at(self, path: Path) -> bool:
        """Whether `path` is the file we hold: the book's folder is where it was."""
        try:
            return os.path.samestat(path.stat(), os.fstat(self._handle))
        except OSError:
            return False

    def is_removed(self) -> bool:
        """Whether the file we hold has no name any more: moved with its folder, it has one."""
        try:
            return os.fstat(self._handle).st_nlink == 0
        except OSError:
            return False

    @staticmethod
    def is_held(path: Path) -> bool:
        """Whether some process holds the lock now."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            if not _try(handle, fcntl.LOCK_SH):
                return True
            owner = _owner(handle)
            return owner is not None and owner.host != socket.gethostname() and _looks_fresh(owner)
        except OSError:
            return False  # a file system without locks
        finally:
            os.close(handle)

    def release(self) -> None:
        """Let go; a second time does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            with contextlib.suppress(OSError):  # as above
                owner = _owner(handle)
                if owner is None or owner.token == self._owner.token:
                    os.ftruncate(handle, 0)
            os.close(handle)


def _take(handle: int, book: str) -> bool:
    """Take the system's lock; False where there are none. Raises `BookHeld`, `OSError`."""
    try:
        for _ in range(_TRIES):
            if _try(handle, fcntl.LOCK_EX):
                return True
            if not _try(handle, fcntl.LOCK_SH):
                raise _held(book, _owner(handle))
            # Somebody only looks whether it is held, which takes microseconds.
            fcntl.flock(handle, fcntl.LOCK_UN)
            time.sleep(_BETWEEN)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    raise BookHeld(f"{book} is being opened by another studio; try again.")


def _try(handle: int, kind: int) -> bool:
    """Raises `OSError` where there are no locks."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(book: str, owner: Owner | None) -> BookHeld:
    who = "it does not say which" if owner is None else str(owner)
    return BookHeld(f"{book} is being written by another studio ({who}); close that one, or watch it here.")


def _is_alive(handle: int, owner: Owner, host: str, watched: float) -> bool:
    if owner.host == host and not Path(f"/proc/{owner.process}").exists() and Path("/proc/self").exists():
        return False
    if _looks_fresh(owner):
        return True
    end = time.monotonic() + watched
    while time.monotonic() < end:
        time.sleep(min(0.25, watched))
        now = _owner(handle)
        if now is None:
            return False
        if now != owner:
            return True
    return False


def _looks_fresh(owner: Owner) -> bool:
    return abs(time.time() - owner.beat) < STALE


def _owner(handle: int) -> Owner | None:
    """Who the file says that holds it; None when nobody, or when it can't be told."""
    for _ in range(_TRIES):
        try:
            body = os.pread(handle, 1000, 0)
        except OSError:
            return None
        if not body.strip():
            return None
        try:
            return msgspec.json.decode(body, type=Owner)
        except (msgspec.DecodeError, UnicodeDecodeError):
            time.sleep(_BETWEEN)  # read while he wrote it: he is alive
    return None


def _write(handle: int, owner: Owner) -> None:
    # Always of one size: a shorter heartbeat with the end of a longer one behind it would read as nobody's.
    body = msgspec.json.encode(owner).ljust(_SIZE)
    os.pwrite(handle, body, 0)
    os.ftruncate(handle, len(body))


def _close(handle: int) -> None:
    if handle >= 0:
        os.close(handle)

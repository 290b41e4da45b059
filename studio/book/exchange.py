"""Putting one file in the place of another without ever losing what stood there: two atomic steps of the system."""

import ctypes
import errno
import os
import sys
from pathlib import Path

_AT_FDCWD = -2 if sys.platform == "darwin" else -100
_NO_REPLACE = 4 if sys.platform == "darwin" else 1  # RENAME_EXCL of renamex_np(2), RENAME_NOREPLACE of renameat2(2)
_EXCHANGE = 2  # RENAME_SWAP, RENAME_EXCHANGE
_CANT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM)


def place_new(temp: Path, name: str, parent: int) -> None:
    """Make `name` in the folder `parent` of a staged file, only if there is none.

    A link, where the file system knows links: the temporary name stays as the proof that it was done.

    Raises:
        FileExistsError: somebody has just made one.
        OSError: the disk refused.
    """
    try:
        os.link(temp, name, dst_dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _CANT:
            raise
        if not _rename(temp, name, parent, _NO_REPLACE):
            # The place is taken by a file of no length before the text comes: nobody's file is ever replaced.
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=parent))
            os.rename(temp, name, dst_dir_fd=parent)


def exchange(temp: Path, name: str, parent: int) -> None:
    """Swap a staged file with `name` in the folder `parent`; afterwards `temp` is what stood there.

    Raises:
        FileNotFoundError: there is no `name` any more.
        OSError: the disk refused.
    """
    if not _rename(temp, name, parent, _EXCHANGE):
        exchange_by_steps(temp, name, parent)


def exchange_by_steps(temp: Path, name: str, parent: int) -> None:
    """`exchange` for file systems that can't: the name is gone for a moment, what stood there never is."""
    kept = temp.with_suffix(".kept")
    os.rename(name, kept, src_dir_fd=parent)
    while True:
        try:
            os.link(temp, name, dst_dir_fd=parent)
            break
        except FileExistsError:  # an editor saved in that moment: its newer text is the one to keep
            os.rename(name, kept, src_dir_fd=parent)
        except OSError as error:
            if error.errno not in _CANT:
                os.rename(kept, name, dst_dir_fd=parent)
                raise
            os.rename(temp, name, dst_dir_fd=parent)
            break
    os.fsync(parent)  # the new name must last before `temp` says that it was given
    kept.replace(temp)


def _rename(temp: Path, name: str, parent: int, flags: int) -> bool:
    """The system's rename with flags; False where it has none. Raises `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "renameatx_np" if sys.platform == "darwin" else "renameat2", None)
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(temp), parent, os.fsencode(name), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANT:
        return False
    raise OSError(number, os.strerror(number), name)

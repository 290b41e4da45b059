"""Which addresses of models the author has given on this machine: a book's record, which may come from anyone, is no
reason to send a key to another.
"""

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

_MOST = 1_000_000  # bytes of the list that are read


class KnownAddresses:
    """One a line in a file of the author's state folder; endpoints by their URL, embedded models by their path."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __contains__(self, address: str) -> bool:
        """Whether the author has given it; a list that can't be read holds none."""
        try:
            with self._file.open("rb") as file:
                return os.fsencode(address) in file.read(_MOST).split(b"\n")
        except OSError:
            return False

    def add(self, address: str) -> None:
        """The author has given it. Where it can't be noted down, it is asked for again."""
        if address in self or "\n" in address:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self._file, flags, 0o600), "wb") as file:
                file.write(os.fsencode(address) + b"\n")
        except OSError as error:
            log.warning("%s can't be noted down (%s)", address, error)

"""Files that the studio took from their place: what an editor still saves into one is found, and merged.

An editor may have opened the file before and write through that handle afterwards, or have saved in the very moment of
the exchange. So each is looked at now, soon and late, and goes only then.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from studio.book.compose import nearest
from studio.book.files import Folder
from studio.errors import BookError

log = logging.getLogger(__name__)

LOOK_AGAIN = 10.0  # seconds a displaced file is kept
_SOON = 0.05  # share of that after which it is looked at for the first time

MergeLate = Callable[[str, str, str, str], Awaitable[None]]
"""Merges a save found late: (temporary file, file, the text the save was made from, the save)."""


class DisplacedFiles:
    """The files displaced since the book was opened. `lock` is held by whoever calls, but for `close`."""

    def __init__(self, folder: Folder, lock: asyncio.Lock, merge_late: MergeLate, look_again: float) -> None:
        """`look_again`: seconds until a displaced file goes."""
        self._folder = folder
        self._lock = lock
        self._merge_late = merge_late
        self._look_again_after = look_again
        # Temporary file -> (file, its text when last looked at, another text an editor may be working on).
        self._kept: dict[str, tuple[str, str, str]] = {}
        self._raced: list[str] = []  # temporary files that hold an author's save not merged yet
        self._looking: set[asyncio.Task[None]] = set()

    def __contains__(self, temp: str) -> bool:
        return temp in self._kept

    def keep_an_eye(self, temp: str, file: str, text: str, other: str) -> None:
        """Look at a displaced file now, soon and late.

        Args:
            temp: where it lies.
            file: whose place it had.
            text: what it held when it was displaced.
            other: another text that an editor's buffer may have been made from.
        """
        self._kept[temp] = (file, text, other)
        if self._saved_into(temp) is not None:
            self._raced.append(temp)
        task = asyncio.get_running_loop().create_task(self._look_later(temp))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def take(self, temp: str, file: str, text: str, other: str) -> None:
        """See to a file that an earlier studio displaced: what was saved into it is merged, then it goes."""
        self._kept[temp] = (file, text, other)
        await self._merge_saved_into(temp)
        self._forget(temp)

    async def merge_raced(self) -> None:
        """Merge the saves that were found and not merged yet.

        Raises:
            BookError, OSError: the disk refused; what is not merged stays for the next time.
        """
        while self._raced:
            await self._merge_saved_into(self._raced[0])
            self._raced.pop(0)

    async def try_merge_raced(self) -> None:
        """`merge_raced`, where it is no reason to fail that the disk refuses."""
        try:
            await self.merge_raced()
        except (BookError, OSError) as error:
            log.warning("%s (what the author saved meanwhile is merged later)", error)

    async def close(self) -> None:
        """Look at once at everything that was displaced."""
        await self._end_looking()
        async with self._lock:
            try:
                while self._kept:
                    temp = next(iter(self._kept))
                    await self._merge_saved_into(temp)
                    await self.merge_raced()
                    self._forget(temp)
            except (BookError, OSError) as error:
                log.warning("%s (what the author saved meanwhile is merged when the book is opened again)", error)
        await self._end_looking()  # the merges displaced files, too

    async def _end_looking(self) -> None:
        for task in list(self._looking):
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    async def _look_later(self, temp: str) -> None:
        for share in (_SOON, 1 - _SOON):
            await asyncio.sleep(share * self._look_again_after)
            async with self._lock:
                try:
                    await self._merge_saved_into(temp)
                    await self.merge_raced()
                except (BookError, OSError) as error:
                    log.warning("%s (what the author saved meanwhile is merged later)", error)
                    return  # it stays where it is until the book is opened again
        self._forget(temp)

    def _saved_into(self, temp: str) -> str | None:
        """What an editor wrote into a displaced file since it was last looked at; None if nothing, or nothing yet."""
        file, text, _ = self._kept[temp]
        body = self._folder.displaced(temp)
        saved = text_of(body)
        if body is not None and saved is None:
            log.warning("a save of %s that is not UTF-8 is kept as %s", file, self._folder.keep(temp, file))
        return None if saved is None or saved == text or not saved.strip() else saved

    async def _merge_saved_into(self, temp: str) -> None:
        """What an editor wrote into a displaced file is the author's: it is merged into the one on disk."""
        while (saved := self._saved_into(temp)) is not None:
            file, text, other = self._kept[temp]
            await self._merge_late(temp, file, nearest(saved, text, other), saved)
            self._kept[temp] = (file, saved, saved)

    def _forget(self, temp: str) -> None:
        self._folder.drop(temp)
        del self._kept[temp]


def text_of(body: bytes | None) -> str | None:
    """The text of a file's bytes; None where there is no file, or no UTF-8 in it."""
    try:
        return None if body is None else body.decode("utf-8")
    except UnicodeDecodeError:
        return None

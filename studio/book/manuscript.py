"""The agent's writes: journaled first, exchanged with what is on disk, merged with whatever the author did meanwhile."""

import asyncio
import difflib
from collections.abc import Callable
from typing import Literal

import msgspec

from studio import events as ev
from studio.book.files import Folder
from studio.book.journal import Journal, sha256_of
from studio.book.ledger import Ledger
from studio.book.merge import Conflict, merge
from studio.book.words import count_words
from studio.errors import BookError

LOOK_AGAIN = 10.0  # seconds a displaced file is kept: an editor may still write into it through an open handle

Mode = Literal["create", "append", "overwrite", "edit"]


class WriteRefused(BookError):
    """The write was not made; the message tells the agent what to do instead."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on disk after a write."""

    file: str
    text: str
    agent_text: str  # as the agent believes the file to be: without the author's untold changes
    mode: Mode
    words: int
    merged: bool = False  # the author's changes were merged in
    conflicts: tuple[Conflict, ...] = ()
    continued: bool = False  # it goes on from prose kept of a cut reply

    @property
    def sha256(self) -> str:
        """Of the text on disk."""
        return sha256_of(self.text)


Describe = Callable[[Written], str]


def diff_of(file: str, before: str, after: str) -> str:
    """A unified diff of two texts of a file."""
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, lineterm="", n=1))


class Manuscript:
    """Everything that changes a file for the agent. One write at a time."""

    def __init__(self, folder: Folder, journal: Journal, ledger: Ledger, record: ev.Record) -> None:
        """`record` publishes an event with its texts; the ledger must hear of it before `record` returns."""
        self._folder = folder
        self._journal = journal
        self._ledger = ledger
        self._record = record
        self._displaced: dict[asyncio.Task[None], tuple[str, str, str]] = {}

    # --- reading --------------------------------------------------------------------------------------------------

    async def read(self, file: str) -> str | None:
        """The text on disk; if the author changed it since we last looked, that is recorded first.

        Raises:
            BookError: it is not UTF-8, or can't be read.
        """
        text = self._folder.read(file)
        self._note_author(file, text)
        return text

    def partial_text(self, file: str) -> str | None:
        """The prose kept of a cut reply to this file, or None."""
        partial = self._ledger.partial(file)
        return self._journal.text(partial.sha256) if partial is not None else None

    def _known(self, sha256: str) -> str:
        return self._journal.text(sha256) if sha256 else ""

    def _note_author(self, file: str, text: str | None) -> None:
        """Record the author's change if what is on disk is neither what we knew nor what we are writing."""
        sha256 = "" if text is None else sha256_of(text)
        if sha256 == self._ledger.disk(file) or sha256 in self._ledger.expected(file):
            return
        record_author(self._record, file, text, self._known(self._ledger.disk(file)))

    # --- writing --------------------------------------------------------------------------------------------------

    async def write(self, id: str, file: str, text: str, mode: Mode, describe: Describe) -> Written:
        """Write the agent's text.

        Args:
            id: names this write for the resume; the same call must come with the same id.
            file: a canonical name, from `Folder.name`.
            mode: create, append or overwrite.
            describe: what the tool will answer; kept with the intent, so that a resume answers the same.

        Raises:
            WriteRefused: the file is there already, or the agent has not read it.
            BookUnsaved: the disk could not take it; nothing was changed.
        """
        disk = await self.read(file)
        return await self._carry_out(id, self._compose(file, text, mode, disk), disk, describe)

    async def edit(self, id: str, file: str, old: str, new: str, describe: Describe) -> Written:
        """Replace one passage. Raises `WriteRefused` when `old` does not stand in the file exactly once."""
        disk = await self.read(file)
        if disk is None:
            raise WriteRefused(f"There is no file {file}; list_files shows what there is, write_file makes one.")
        count = disk.count(old) if old else 0
        if count != 1:
            raise WriteRefused(_not_once(file, disk, old, count))
        view = self._known(self._ledger.agent_view(file))
        text = disk.replace(old, new)
        # Where the passage is in the agent's own view, the rest of that view stays the base of later merges.
        agent_text = view.replace(old, new) if view.count(old) == 1 else text
        written = Written(file=file, text=text, agent_text=agent_text, mode="edit", words=count_words(text))
        return await self._carry_out(id, written, disk, describe)

    def _compose(self, file: str, text: str, mode: Mode, disk: str | None) -> Written:
        """What the file should become."""
        view = self._known(self._ledger.agent_view(file))
        kept = self.partial_text(file)
        continued = False
        if mode == "create":
            if disk is not None and disk.strip():
                raise WriteRefused(
                    f"{file} exists already with {count_words(disk):,} words, so it was not created again. Use mode "
                    '"append" to add to it, "overwrite" to replace it after read_file, or edit_file to change a passage.'
                )
            view = ""
        elif mode == "append":
            # A model that was asked to go on may write the whole again: then its text stands alone.
            if kept is not None and not text.startswith(kept):
                text, continued = kept + text, True
        elif mode == "overwrite" and disk is not None and disk.strip() and not self._ledger.agent_view(file):
            raise WriteRefused(
                f"{file} holds {count_words(disk):,} words of the author's that you have not read; read_file it first."
            )
        if mode == "append":
            whole, agent_text = (disk or "") + text, view + text if disk is not None else text
            return Written(
                file=file, text=whole, agent_text=agent_text, mode=mode, words=count_words(whole), continued=continued
            )
        if mode == "overwrite" and disk is not None and disk != view:
            merged = merge(view, disk, text)
            return Written(
                file=file,
                text=merged.text,
                agent_text=text,
                mode=mode,
                words=count_words(merged.text),
                merged=True,
                conflicts=merged.conflicts,
            )
        return Written(file=file, text=text, agent_text=text, mode=mode, words=count_words(text))

    async def _carry_out(self, id: str, written: Written, before: str | None, describe: Describe) -> Written:
        """Intent, stage, exchange, look at what was displaced; again if an editor got in between."""
        while True:
            temp = self._folder.temp_name()
            self._record(
                ev.WriteIntended(
                    id=id,
                    file=written.file,
                    before="" if before is None else sha256_of(before),
                    sha256=written.sha256,
                    agent_sha256=sha256_of(written.agent_text),
                    mode=written.mode,
                    temp=temp,
                    result=describe(written),
                ),
                written.text,
                written.agent_text,
            )
            await self._journal.durable()
            saved = await asyncio.to_thread(self._exchange, temp, written, before)
            if saved is None:
                self._finish(id, written, temp)
                return written
            # An editor got in between: its text is the author's, and what we meant is merged into it.
            disk, exchanged = saved
            record_author(self._record, written.file, disk, self._known(self._ledger.disk(written.file)))
            if not exchanged:
                self._folder.drop(temp)
            else:
                self._keep_an_eye(temp, written.file, disk)
            written = _rebased(written, before or "", disk)
            # After an exchange our own text is on disk now, with the author's displaced; it is the next to be replaced.
            before = self._folder.read(written.file) if exchanged else disk

    def _exchange(self, temp: str, written: Written, before: str | None) -> tuple[str, bool] | None:
        """Put the text in place; None when nothing of the author's was in the way.

        Returns:
            The author's text that was found instead, and whether the exchange was made.
        """
        self._folder.stage(temp, written.text)
        disk = self._folder.read(written.file)
        if disk != before and disk is not None:
            return disk, False
        if not self._folder.put(temp, written.file):
            return None
        body = self._folder.displaced(temp) or b""
        displaced = body.decode("utf-8", "surrogateescape")
        return None if displaced == (before or "") else (displaced, True)

    def _finish(self, id: str, written: Written, temp: str) -> None:
        for conflict in written.conflicts:
            self._record(ev.MergeConflict(file=written.file, author=conflict.author, agent=conflict.agent))
        self._record(
            ev.FileWritten(
                file=written.file,
                sha256=written.sha256,
                words=written.words,
                mode=written.mode,
                agent_sha256=sha256_of(written.agent_text),
                merged=written.merged,
                id=id,
            )
        )
        if self._folder.is_linked(temp, written.file):
            self._folder.drop(temp)  # a new file: nothing was displaced
            return
        displaced = self._folder.displaced(temp)
        if displaced is not None:
            self._keep_an_eye(temp, written.file, displaced.decode("utf-8", "surrogateescape"))

    # --- what was displaced ---------------------------------------------------------------------------------------

    def _keep_an_eye(self, temp: str, file: str, text: str) -> None:
        task = asyncio.get_running_loop().create_task(self._look_again_later(temp, file, text))
        self._displaced[task] = (temp, file, text)
        task.add_done_callback(lambda done: self._displaced.pop(done, None))

    async def _look_again_later(self, temp: str, file: str, text: str) -> None:
        await asyncio.sleep(LOOK_AGAIN)
        await self._look_again(temp, file, text)

    async def _look_again(self, temp: str, file: str, text: str) -> None:
        """What an editor wrote into the displaced file is the author's: it is merged into the one on disk."""
        body = self._folder.displaced(temp)
        late = None if body is None else body.decode("utf-8", "surrogateescape")
        if late is not None and late != text and late.strip():
            disk = self._folder.read(file) or ""
            merged = merge(text, late, disk)
            written = Written(
                file=file,
                text=merged.text,
                agent_text=self._known(self._ledger.agent_view(file)),
                mode="overwrite",
                words=count_words(merged.text),
                merged=True,
                conflicts=merged.conflicts,
            )
            record_author(self._record, file, late, self._known(self._ledger.disk(file)))
            await self._carry_out(f"late.{temp}", written, disk, lambda _: "")
        self._folder.drop(temp)

    async def close(self) -> None:
        """Look at once at everything still kept."""
        for task, (temp, file, text) in list(self._displaced.items()):
            task.cancel()
            await self._look_again(temp, file, text)
        self._displaced.clear()

    # --- resuming -------------------------------------------------------------------------------------------------

    async def settle(self) -> list[str]:
        """After a crash: tell which intended writes are on disk; returns their ids. The others will be made again."""
        done = []
        for intent in self._ledger.unsettled():
            staged = await asyncio.to_thread(self._folder.displaced, intent.temp)
            if not self._was_done(intent, staged):
                self._folder.drop(intent.temp)
                continue
            done.append(intent.id)
            text = self._known(intent.sha256)
            self._record(
                ev.FileWritten(
                    file=intent.file,
                    sha256=intent.sha256,
                    words=count_words(text),
                    mode=intent.mode,
                    agent_sha256=intent.agent_sha256,
                    merged=intent.sha256 != intent.agent_sha256,
                    id=intent.id,
                )
            )
            before = self._known(intent.before)
            displaced = before if staged is None else staged.decode("utf-8", "surrogateescape")
            if displaced not in (before, text) and displaced.strip():
                await self._look_again(intent.temp, intent.file, before)
            else:
                self._folder.drop(intent.temp)
        return done

    def _was_done(self, intent: ev.WriteIntended, staged: bytes | None) -> bool:
        if staged is not None and self._folder.is_linked(intent.temp, intent.file):
            return True
        disk = self._folder.read_bytes(intent.file)
        on_disk = "" if disk is None else sha256_of(disk.decode("utf-8", "surrogateescape"))
        if staged is None:
            # Never staged, or already cleared away: only what is on disk can tell.
            return on_disk == intent.sha256
        if sha256_of(staged.decode("utf-8", "surrogateescape")) != intent.sha256:
            return True  # it holds what was displaced
        return on_disk == intent.sha256


def record_author(record: ev.Record, file: str, text: str | None, before: str) -> None:
    """Record what the author's editor put on disk (None: the file is gone), the text as a version."""
    if text is None:
        record(ev.AuthorEdited(file=file, sha256="", words=0, diff=diff_of(file, before, "")))
        return
    edited = ev.AuthorEdited(
        file=file, sha256=sha256_of(text), words=count_words(text), diff=diff_of(file, before, text)
    )
    record(edited, text)


def _rebased(written: Written, before: str, disk: str) -> Written:
    """The same write on top of an author's text that appeared meanwhile."""
    if written.mode == "append" and written.text.startswith(before):
        text = disk + written.text[len(before) :]
        return msgspec.structs.replace(written, text=text, words=count_words(text), merged=True)
    merged = merge(before, disk, written.text)
    return msgspec.structs.replace(
        written,
        text=merged.text,
        words=count_words(merged.text),
        merged=True,
        conflicts=written.conflicts + merged.conflicts,
    )


def _not_once(file: str, disk: str, old: str, count: int) -> str:
    if not old:
        return f"old_text is empty; give the passage of {file} to replace, or use write_file with mode append."
    if count > 1:
        return f"old_text stands {count} times in {file}; give a longer passage that stands there only once."
    lines = disk.splitlines()
    first = old.strip().splitlines()[0] if old.strip() else ""
    near = difflib.get_close_matches(first, lines, n=1, cutoff=0.4)
    hint = f" The nearest line is: «{near[0][:300]}»." if near else ""
    return f"old_text does not stand in {file} as it is now; read_file it and quote the passage exactly.{hint}"

"""The agent's writes: journaled first, exchanged with what is on disk, merged with what the author did meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

from studio import events as ev
from studio.book.compose import Composer, Describe, Mode, WriteRefused, Written, merged_late, rebased, removed
from studio.book.displaced import LOOK_AGAIN, DisplacedFiles, text_of
from studio.book.files import Folder
from studio.book.intents import Evidence, was_done, was_taken_away
from studio.book.journal import Journal, sha256_of
from studio.book.ledger import LATE, Ledger
from studio.book.locks import Locks
from studio.book.saves import record_author
from studio.book.words import count_words
from studio.errors import BookError, BookUnsaved

__all__ = ["LOOK_AGAIN", "Describe", "Manuscript", "Mode", "WriteRefused", "Written"]

SETTLED = 0.1  # seconds after which an empty or missing file is believed: editors truncate, then write

T = TypeVar("T")


class Manuscript:
    """Everything that changes a file for the agent. One write at a time."""

    def __init__(
        self,
        folder: Folder,
        journal: Journal,
        ledger: Ledger,
        record: ev.Record,
        *,
        look_again: float = LOOK_AGAIN,
        locks: Locks | None = None,
    ) -> None:
        """`record` publishes an event with its texts; the ledger must hear of it before `record` returns."""
        self._folder = folder
        self._journal = journal
        self._ledger = ledger
        self._record = record
        self._locks = locks or Locks(folder.root)
        self._composer = Composer(ledger, journal, self._locks)
        self._lock = asyncio.Lock()
        self._displaced = DisplacedFiles(folder, self._lock, self._merge_late, look_again)

    # --- reading --------------------------------------------------------------------------------------------------

    async def read(self, file: str) -> str | None:
        """The text on disk; if the author changed it since we last looked, that is recorded first.

        Raises:
            BookError: it is not UTF-8, or can't be read.
        """
        text = await self._settled(file, blank=self._ledger.disk(file) in ("", sha256_of("")))
        self._note_author(file, text)
        return text

    def is_locked(self, file: str) -> bool:
        """Whether the author locked this file as a whole."""
        return self._locks.covers(file)

    def partial_text(self, file: str) -> str | None:
        """The prose kept of cut replies to this file, or None."""
        return self._composer.partial(file)[0] or None

    async def _settled(self, file: str, *, blank: bool) -> str | None:
        """The text on disk; unless it was `blank` before, an empty one is looked at twice."""
        text = self._folder.read(file)
        if not blank and (text is None or not text.strip()):
            await asyncio.sleep(SETTLED)
            text = self._folder.read(file)
        return text

    def _note_author(self, file: str, text: str | None) -> None:
        """Record the author's change if what is on disk is neither what we knew nor what we are writing."""
        sha256 = "" if text is None else sha256_of(text)
        known = self._ledger.disk(file)
        if sha256 != known and sha256 not in self._ledger.expected(file):
            saved_at = self._folder.saved_at(self._folder.root / file)
            record_author(self._record, file, text, self._composer.known(known), saved_at=saved_at)

    # --- writing --------------------------------------------------------------------------------------------------

    async def write(self, id: str, file: str, text: str, mode: Mode, describe: Describe) -> Written:
        """Write the agent's text.

        Args:
            id: names this write for the resume; the same call must come with the same id, and is carried out once.
            file: a canonical name, from `Folder.name`.
            mode: create, append or overwrite.
            describe: what the tool will answer; kept with the intent, so that a resume answers the same.

        Raises:
            WriteRefused: the file is there already, the agent has not read it, or the author took it away.
            Locked: the author locked it, or a passage that would change.
            BookUnsaved: the disk could not take it; the same call can be made again.
        """
        return await self._write(id, file, lambda disk: self._composer.write(file, text, mode, disk), describe)

    async def edit(self, id: str, file: str, old: str, new: str, describe: Describe) -> Written:
        """Replace one passage; as `write` otherwise.

        Raises:
            WriteRefused: `old` does not stand in the file exactly once.
        """
        return await self._write(id, file, lambda disk: self._composer.edit(file, old, new, disk), describe)

    async def _write(self, id: str, file: str, compose: Callable[[str | None], Written], describe: Describe) -> Written:
        async with self._lock:
            await self._displaced.try_merge_raced()
            written = await self._settle_open(file, id)
            if written is None:
                disk = await self.read(file)
                written = await self._carry_out(id, await _in_thread(compose, disk), disk, describe)
            await self._displaced.try_merge_raced()
            return written

    async def _carry_out(
        self,
        id: str,
        composed: Written,
        before: str | None,
        describe: Describe,
        *,
        late: tuple[str, str, float] | None = None,
    ) -> Written:
        """Intent, stage, exchange, look at what was displaced; again if an editor saved before the exchange.

        Args:
            late: the author's text that this write merges in, not recorded yet, the text it was made from, and when it
                was saved.
        """
        written, made_on = composed, before or ""
        other = made_on if late is None else late[0]  # an editor's buffer need not know what we put on disk since
        while True:
            temp = self._folder.temp_name()
            self._intend(id, written, before, temp, describe(written))
            if late is not None:
                record_author(self._record, written.file, *late[:2], saved_at=late[2])
                late = None
            await self._journal.durable()
            try:
                displaced = await _in_thread(self._exchange, temp, written, before)
                if displaced is not None:
                    break
                # An editor that takes the file away, or empties it, may be about to write.
                now = await self._settled(written.file, blank=not made_on.strip() and before is None)
                if now != before:
                    saved_at = self._folder.saved_at(self._folder.root / written.file)
                    record_author(self._record, written.file, now, before or "", saved_at=saved_at)
                if now is None and written.mode != "restore":
                    raise WriteRefused(removed(written.file))
                written = composed if now is None else await _in_thread(rebased, composed, made_on, now, other)
            except BookUnsaved:
                raise  # it may be on disk, and is looked at before it is made again
            except BookError:
                self._record(ev.WriteDropped(id=id, file=composed.file))
                raise
            before = now
        self._finish(id, written, before or "")
        if self._folder.is_linked(temp, written.file):
            self._folder.drop(temp)  # a new file: nothing was displaced
        elif displaced:
            self._displaced.keep_an_eye(temp, written.file, before or "", other)
        else:  # the new file itself, which an editor has put another one in the place of since
            self._displaced.keep_an_eye(temp, written.file, written.text, written.text)
        return written

    def _intend(self, id: str, written: Written, before: str | None, temp: str, result: str) -> None:
        intent = ev.WriteIntended(
            id=id,
            file=written.file,
            before="" if before is None else sha256_of(before),
            sha256=written.sha256,
            agent_sha256=sha256_of(written.agent_text),
            mode=written.mode,
            temp=temp,
            result=result,
        )
        self._record(intent, written.text, written.agent_text)

    def _exchange(self, temp: str, written: Written, before: str | None) -> bool | None:
        """Put the text in place, and say whether another was displaced.

        Returns:
            None when nothing was done: something else than `before` is there, or the file is gone.
        """
        self._folder.stage(temp, written.text)
        staged = written.text.encode("utf-8")
        try:
            disk = self._folder.read(written.file)
            if disk != before:
                self._folder.drop(temp)
                return None
            displaced = self._folder.put(temp, written.file, over=before is not None)
        except FileNotFoundError:
            self._folder.drop(temp)
            return None
        except BookError:
            if self._folder.displaced(temp) == staged and not self._folder.is_linked(temp, written.file):
                self._folder.drop(temp)
            raise
        if displaced and text_of(self._folder.displaced(temp)) is None:
            # A save that is no text we could merge goes back to its place.
            self._folder.put(temp, written.file)
            if self._folder.displaced(temp) == staged:
                self._folder.drop(temp)
            else:  # and was saved once more in that moment: the newer one stays, the other is kept beside the record
                self._folder.put(temp, written.file)
                self._folder.keep(temp, written.file)
            raise WriteRefused(
                f"{written.file} was just saved by the author and is not UTF-8 text; the studio leaves it alone."
            )
        return displaced

    def _finish(self, id: str, written: Written, before: str) -> None:
        if written.mode == "restore":  # the author's act, and told to the agent as any of the author's edits
            record_author(self._record, written.file, written.text, before, id=id)
            return
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
                open_in_editor=self._folder.open_in_editor(written.file),
            )
        )

    # --- what the author wants back -------------------------------------------------------------------------------

    async def put_back(self, id: str, file: str, text: str | None) -> None:
        """Put an older text of the author's choice into a file (None: the file goes); what is there is noted first.

        An `author_edited` with the id of this write says that it was done; none, that the file was so already. What an
        editor saves meanwhile is kept as a version, and its changes are brought into the text.

        Raises:
            BookError: something else than a text stands there.
            BookUnsaved: the disk could not take it.
        """
        async with self._lock:
            await self._displaced.try_merge_raced()
            await self._settle_open(file, id)
            disk = await self.read(file)
            if disk is not None and text is None:
                await self._take_away(id, file, disk)
            elif text is not None and disk != text:
                wanted = Written(file=file, text=text, agent_text=text, mode="restore", words=count_words(text))
                await self._carry_out(id, wanted, disk, lambda _: "")
            await self._displaced.try_merge_raced()

    async def _take_away(self, id: str, file: str, disk: str) -> None:
        temp = self._folder.temp_name()
        intent = ev.WriteIntended(
            id=id, file=file, before=sha256_of(disk), sha256="", agent_sha256="", mode="restore", temp=temp
        )
        self._record(intent)
        await self._journal.durable()
        await _in_thread(self._folder.take_away, temp, file)
        record_author(self._record, file, None, disk, id=id)
        self._displaced.keep_an_eye(temp, file, disk, disk)

    # --- what was displaced ---------------------------------------------------------------------------------------

    async def _merge_late(self, temp: str, file: str, base: str, late: str) -> None:
        disk = await self.read(file)
        if disk is None:  # the author removed the file since: what was saved before that is a version
            record_author(self._record, file, late, base)
            record_author(self._record, file, None, late)
            await self._journal.durable()  # before the only copy goes
            return
        # Of two saves of the author's that meet, the newer one wins: this one was found late, not made late.
        saved_at = self._folder.saved_at(self._folder.temp_path(temp))
        is_newest = saved_at >= self._ledger.saved_at(file)
        view = self._composer.view(file, disk)
        written = await _in_thread(merged_late, base, late, disk, file, view, is_newest)
        if written.text != disk or not self._journal.has_text(sha256_of(late)):  # else it was merged before a crash
            await self._carry_out(f"{LATE}{temp}", written, disk, lambda _: "", late=(late, base, saved_at))

    async def close(self) -> None:
        """Look at once at everything that was displaced."""
        await self._displaced.close()

    # --- resuming -------------------------------------------------------------------------------------------------

    async def settle(self) -> dict[str, str]:
        """After a crash: record which intended writes are on disk, and merge what they displaced.

        Returns:
            The answers of the tools whose writes were done, by the ids of the writes. The others will be made again.
        """
        async with self._lock:
            done = {intent.id: intent.result for intent in self._ledger.unsettled() if await self._settle(intent)}
            for temp in self._folder.temps():
                await self._clear(temp)
            await self._displaced.merge_raced()
            return done

    async def _settle_open(self, file: str, id: str) -> Written | None:
        """Settle what failed half-way in this file; the write itself if it turns out to be the one asked for again."""
        for intent in self._ledger.unsettled():
            if intent.file == file and await self._settle(intent) and intent.id == id:
                return self._as_intended(intent)
        return None

    def _as_intended(self, intent: ev.WriteIntended) -> Written:
        text = self._composer.known(intent.sha256)
        return Written(
            file=intent.file,
            text=text,
            agent_text=self._composer.known(intent.agent_sha256) or text,
            mode=cast(Mode, intent.mode),
            words=count_words(text),
            merged=intent.sha256 != intent.agent_sha256,
        )

    async def _settle(self, intent: ev.WriteIntended) -> bool:
        """Whether the write was done; if so, that is recorded."""
        self._folder.mend(intent.temp, intent.file)
        before = self._composer.known(intent.before) if intent.before else None
        if not intent.sha256:
            done = was_taken_away(self._evidence(intent))
            if done:
                record_author(self._record, intent.file, None, before or "", id=intent.id)
        else:
            written = self._as_intended(intent)
            done = written.sha256 == intent.sha256 and was_done(before, written.text, self._evidence(intent))
            if done:
                self._finish(intent.id, written, before or "")
        now = text_of(self._evidence(intent).disk)
        sha256 = "" if now is None else sha256_of(now)
        # A late save's own event may be there without the merge: until that is made again, the text it meets is ours.
        if not done and (sha256 == self._ledger.disk(intent.file) or sha256 not in self._ledger.expected(intent.file)):
            self._record(ev.WriteDropped(id=intent.id, file=intent.file))
        await self._clear(intent.temp)
        return done

    def _evidence(self, intent: ev.WriteIntended) -> Evidence:
        try:
            disk = self._folder.read_bytes(intent.file)
        except BookError:
            disk = None  # a link or a folder stands there now: not ours
        return Evidence(staged=self._folder.displaced(intent.temp), disk=disk)

    async def _clear(self, temp: str) -> None:
        """See to a temporary file left behind: what of the author's is in it is merged, then it goes."""
        if temp in self._displaced:
            return
        intent = self._ledger.intent_of(temp)
        text = text_of(self._folder.displaced(temp))
        if text is None and self._folder.displaced(temp) is None:
            return
        if temp.endswith(".part") or (intent is not None and self._folder.is_linked(temp, intent.file)):
            self._folder.drop(temp)
        elif intent is not None and text is not None and sha256_of(text) in (intent.sha256, intent.before):
            self._folder.drop(temp)  # never put in place, or what we knew
        elif intent is None or (intent.before and not self._journal.has_text(intent.before)):
            # The record that knew it is lost.
            if text is not None and self._journal.has_text(sha256_of(text)):
                self._folder.drop(temp)
            else:
                self._folder.keep(temp, "unknown" if intent is None else intent.file)
        else:
            before = self._composer.known(intent.before)
            # Of a new file what lies here may be the file itself, saved into.
            other = before if intent.before else self._composer.known(intent.sha256)
            await self._displaced.take(temp, intent.file, before, other)


async def _in_thread(call: Callable[..., T], *arguments: Any) -> T:
    """`asyncio.to_thread` that is never left behind: a cancelled write is over before the next one begins."""
    work = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise

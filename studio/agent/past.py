"""A book's past as a front end asks for it: read by anyone, changed by who has the book."""

import asyncio
from collections.abc import Sequence

from studio.agent.commands import Restored
from studio.agent.open_book import OpenBook
from studio.book.history import AUTHOR, KINDS, History, Revision, file_at, of_file, same_files, state_at
from studio.book.journal import sha256_of
from studio.book.provenance import Sentence, provenance
from studio.book.reading import JournalReader
from studio.book.room import Space
from studio.book.undo import without_agent
from studio.book.word_diff import words_changed
from studio.errors import BookError, BookHeld, BookUnsaved


class PastVersions:
    """The past of a book that another studio may be writing: to be read, not to be changed."""

    def __init__(self, journal: JournalReader, held_by: str = "") -> None:
        self._journal = journal
        self._held_by = held_by
        self._changed: dict[tuple[str, str], tuple[int, int]] = {}

    def revisions(self) -> Sequence[Revision]:
        """Every revision, in order."""
        return History(self._journal.of(*KINDS)).revisions

    def text(self, sha256: str) -> str:
        """The text of a version. Raises `BookError`."""
        if sha256 and not self._journal.has_text(sha256):
            for revision in self.revisions():
                if revision.sha256 == sha256:
                    raise BookError(
                        f"The text of revision {revision.number} ({revision.file}) is no longer in the record: old "
                        "versions of the agent's are pruned to save room. Choose another; the list marks those that "
                        "are gone."
                    )
        return self._journal.text(sha256) if sha256 else ""

    def missing(self) -> set[int]:
        """Numbers of the revisions whose text was pruned."""
        names = self._journal.names()
        return {one.number for one in self.revisions() if one.sha256 and one.sha256 not in names}

    def words_changed(self, revision: Revision) -> tuple[int, int]:
        """(words put in, words taken out); from the counts alone where a text is gone."""
        key = revision.before, revision.sha256
        if key not in self._changed:
            before, after = self._known(revision.before), self._known(revision.sha256)
            if not before or not after:
                return revision.words_added, revision.words_removed
            self._changed[key] = words_changed(before, after)
        return self._changed[key]

    def _known(self, sha256: str) -> str | None:
        if not sha256:
            return ""
        if not self._journal.has_text(sha256):
            return None
        try:
            return self._journal.text(sha256)
        except BookUnsaved:
            raise
        except BookError:
            return None  # damaged: as good as pruned, and the others can be told all the same

    def provenance(self, file: str, number: int | None = None) -> list[Sentence]:
        """Whose each sentence of a file is, right after a revision and by its name then; None = as it is now."""
        return provenance(of_file(self.revisions()[:number], file), self._known)

    def space(self) -> Space:
        """The room that the record takes."""
        return self._journal.space()

    async def restore(self, file: str, number: int) -> Restored:
        """The other studio's to do."""
        raise self._refusal()

    async def restore_book(self, number: int) -> Restored:
        """The other studio's to do."""
        raise self._refusal()

    async def undo_agent(self, number: int, file: str | None = None) -> Restored:
        """The other studio's to do."""
        raise self._refusal()

    def _refusal(self) -> BookHeld:
        return BookHeld(self._held_by or "This book is open for reading only.")


class BookVersions(PastVersions):
    """The past of a book that is ours."""

    def __init__(self, book: OpenBook) -> None:
        super().__init__(book.journal)
        self._book = book

    def revisions(self) -> Sequence[Revision]:
        """Every revision, in order."""
        return self._book.history.revisions

    async def restore(self, file: str, number: int) -> Restored:
        """Put a file back as it was right after a revision."""
        revisions = await self._up_to_date(number)
        wanted = {file: file_at(revisions, file, number)}
        return await self._carry_out(wanted, f"{file} as of revision {number}")

    async def restore_book(self, number: int) -> Restored:
        """Put all files back as they were right after a revision."""
        revisions = await self._up_to_date(number)
        now = state_at(revisions, len(revisions))
        return await self._carry_out(
            same_files(now, state_at(revisions, number)), f"the whole book as of revision {number}"
        )

    async def undo_agent(self, number: int, file: str | None = None) -> Restored:
        """Undo what the agent did after a revision; the author's sentences stay."""
        revisions = await self._up_to_date(number)
        found = await asyncio.to_thread(without_agent, revisions, number, self.text)
        if file is not None:
            found = {name: text for name, text in found.items() if name == file}
        wanted = {name: "" if text is None else sha256_of(text) for name, text in found.items()}
        why = f"{file or 'the book'} as it is without what the agent did since revision {number}"
        return await self._carry_out(wanted, why, *(text for text in found.values() if text is not None))

    async def _up_to_date(self, number: int) -> Sequence[Revision]:
        """What is on disk and not noted yet becomes a version first: nothing is put back over an unknown text."""
        count = len(self.revisions())
        if not 0 <= number <= count:
            raise BookError(f"There is no revision {number}; this book has {count:,}.")
        await self._book.watcher.scan(full=True)
        return list(self.revisions())

    async def _carry_out(self, wanted: dict[str, str], why: str, *texts: str) -> Restored:
        revisions = self.revisions()
        before = len(revisions)
        now = state_at(revisions, before)
        wanted = {file: sha256 for file, sha256 in wanted.items() if now.get(file, "") != sha256}
        if wanted:
            new = {sha256_of(text): text for text in texts}
            for sha256 in wanted.values():
                if sha256 not in new:
                    self.text(sha256)  # a pruned one is refused before anything is touched
            texts = tuple(text for sha256, text in new.items() if sha256 in wanted.values())
            await self._book.restoring.restore(wanted, why, *texts)
        done = [one.file for one in self.revisions()[before:] if one.who == AUTHOR]
        files = tuple(dict.fromkeys(done))
        in_editor = tuple(file for file in files if self._book.folder.open_in_editor(file))
        return Restored(why=why, files=files, before=before, in_editor=in_editor)

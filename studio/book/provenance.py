"""Whose sentence is whose: a fold over a file's revisions, sentence by sentence."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from studio.book.history import AGENT, AUTHOR, MERGE, Revision
from studio.book.merge import sentences
from studio.book.sentence_diff import changes

TextOf = Callable[[str], str | None]
"""The text of a version by its SHA-256, or None when the record has it no more."""


class Sentence(NamedTuple):
    """A sentence with the blanks after it, and who wrote it: author or agent."""

    text: str
    by: str


def provenance(revisions: Iterable[Revision], text_of: TextOf) -> list[Sentence]:
    """The file after the last of its revisions (`history.of_file`); the texts joined are the file.

    What a revision changed or put in belongs to who made it; a sentence that a restore brings back stays its writer's.
    Versions that are gone are stepped over: what they changed is told from the next one there is.
    """
    now: list[Sentence] = []  # the file so far
    earlier: list[Sentence] = []  # the file one revision before
    writers: dict[str, str] = {}  # every sentence there ever was -> who wrote it
    missed = ""  # who made the revisions that were stepped over
    for revision in revisions:
        text = text_of(revision.sha256) if revision.sha256 else ""
        if text is None:
            missed = AUTHOR if AUTHOR in (missed, revision.who) else AGENT
            continue
        if missed and revision.before and (before := text_of(revision.before)) is not None:
            now = _advanced(now, before, missed, {})
        missed = ""
        if revision.restored:
            known = writers
        else:  # a merge brings back what the author's save, made from an older text, did not have
            known = {one.text.rstrip(): one.by for one in earlier} if revision.who == MERGE else {}
        by = AUTHOR if revision.who == AUTHOR else AGENT
        earlier, now = now, _advanced(now, text, by, known)
        writers.update((one.text.rstrip(), one.by) for one in now)
    return now


def _advanced(now: Sequence[Sentence], text: str, by: str, known: dict[str, str]) -> list[Sentence]:
    """`now` become `text` by the hand of `by`; sentences in `known` have their writer already."""
    tokens = sentences(text)
    bodies = [token.rstrip() for token in tokens]
    found: list[Sentence] = []
    at = 0
    for start, end, growth in changes([one.text.rstrip() for one in now], bodies):
        found += _kept(now[at:start], tokens[len(found) :])
        new = slice(len(found), len(found) + end - start + growth)
        found += [Sentence(token, known.get(token.rstrip(), by)) for token in tokens[new]]
        at = end
    return found + _kept(now[at:], tokens[len(found) :])


def _kept(sentences_before: Sequence[Sentence], tokens: Sequence[str]) -> list[Sentence]:
    """The same sentences, with the blanks they have now."""
    return [Sentence(token, one.by) for one, token in zip(sentences_before, tokens, strict=False)]


def runs(found: Iterable[Sentence]) -> list[Sentence]:
    """Neighbours of one writer as one."""
    return [Sentence("".join(one.text for one in group), by) for by, group in groupby(found, lambda one: one.by)]

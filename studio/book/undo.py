"""The files without what the agent did since a moment: the texts of then, with the author's changes since."""

from collections.abc import Callable, Sequence

from studio.book.history import AUTHOR, Revision, state_at
from studio.book.merge import sentences
from studio.book.sentence_diff import alike, changes


def without_agent(revisions: Sequence[Revision], since: int, text_of: Callable[[str], str]) -> dict[str, str | None]:
    """Every file the agent changed after revision `since`, and the text it gets; None = it goes.

    Args:
        since: the number of a revision, which stays; 0 = from the beginning.
        text_of: the text of a version by its SHA-256; raises `BookError` when it is gone.
    """
    start = state_at(revisions, since)
    now: dict[str, str | None] = {}  # the file without the agent's changes, as far as it was touched
    by_agent: set[str] = set()
    mine: set[str] = set()  # sentences the author has put in since

    def current(file: str) -> str | None:
        if file not in now:
            now[file] = text_of(start[file]) if file in start else None
        return now[file]

    for revision in revisions[since:]:
        file, old = revision.file, revision.renamed_from
        if old:  # the author's new name stays
            now[file], now[old] = current(old), None
            if old in by_agent:
                by_agent.remove(old)
                by_agent.add(file)
        elif revision.who != AUTHOR:
            current(file)
            by_agent.add(file)
        elif not revision.sha256:
            now[file] = None
        else:
            without = current(file)
            base = text_of(revision.before) if revision.before else ""
            found = with_authors(base, text_of(revision.sha256), without or "", mine)
            now[file] = found if found.strip() or without is not None else None
    return {file: now[file] for file in sorted(by_agent)}


def with_authors(base: str, author: str, without: str, mine: set[str]) -> str:
    """What the author made of `base`, done to `without`, which is `base` less what the agent did.

    Not `merge`: there a passage that one side removed stays whole if the other touched it; here only the sentences the
    author touched are to stay.

    Args:
        mine: what the author put in so far; `without` keeps those. What is put in now is added.
    """
    tokens, authors, other = sentences(base), sentences(author), sentences(without)
    bodies = [token.rstrip() for token in tokens]
    put_in, stands = _slots(bodies, other)
    out: list[str] = []
    at = author_at = 0

    def keep(end: int) -> None:
        """Sentences the author left alone: as they stand without the agent, with the author's blanks after them."""
        for k in range(at, end):
            body, gap = bodies[k], tokens[k][len(bodies[k]) :]
            authors_gap = authors[author_at + k - at][len(body) :]
            out.extend(put_in[k])
            if stands[k] is not None:
                as_was = stands[k] or ""
                out.append(body + authors_gap if authors_gap != gap and as_was.rstrip() == body else as_was)

    for start, end, growth in changes(bodies, [token.rstrip() for token in authors]):
        keep(start)
        author_at += start - at
        new = authors[author_at : author_at + end - start + growth]
        again = {one.rstrip() for one in new}  # what the agent took out and the author put back stands there once
        put_in[start : end + 1] = [
            [one for one in some if one.rstrip() not in again] for some in put_in[start : end + 1]
        ]
        out += put_in[start] if start < end else []
        out += new
        for k in range(start, end):
            was = stands[k] or ""
            out += put_in[k] if k > start else []
            if was.rstrip() in mine and was.rstrip() != bodies[k] and not any(alike(was, one) for one in new):
                out.append(was)
        mine |= again
        at, author_at = end, author_at + len(new)
    keep(len(tokens))
    return _joined([*out, *put_in[len(tokens)]])


def _slots(bodies: list[str], other: list[str]) -> tuple[list[list[str]], list[str | None]]:
    """`other` told along a base: what it has before each sentence (and at the end), and what in each one's place."""
    put_in: list[list[str]] = [[] for _ in range(len(bodies) + 1)]
    stands: list[str | None] = [None] * len(bodies)
    at = other_at = 0
    for start, end, growth in changes(bodies, [token.rstrip() for token in other]):
        stands[at:start] = other[other_at : other_at + start - at]
        other_at += start - at
        new = other[other_at : other_at + end - start + growth]
        if growth == 0:
            stands[start:end] = new
        else:
            put_in[start] += new
        at, other_at = end, other_at + len(new)
    stands[at:] = other[other_at:]
    return put_in, stands


def _joined(tokens: list[str]) -> str:
    """Sentences of several texts as one; the last of a text has no blank after it that the next would need."""
    parts: list[str] = []
    for token in tokens:
        if parts and parts[-1][-1:].isascii() and not parts[-1][-1:].isspace() and not token[:1].isspace():
            parts.append("\n\n")
        parts.append(token)
    return "".join(parts)

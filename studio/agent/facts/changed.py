"""What an author's edit changed of the story's facts, and where in the book the old ones still stand.

Functions of texts: two versions of a file, and the book as it is now. What they find is told to the agent, and shown to
the author; so a fact missed costs less than ordinary copy-editing taken for one.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import NamedTuple

import msgspec

from studio.agent.facts.figures import Figure, dates_like, figure_at, figures_like, is_fact
from studio.agent.facts.names import (
    Name,
    Uses,
    begins_there,
    capital_runs,
    chinese_around,
    is_chinese_name,
    is_wide,
    occurrences,
    run_around,
    uses,
)
from studio.agent.facts.nouns import Nouns
from studio.agent.facts.passages import Passage, common, passages, sentence_at
from studio.agent.facts.struck import promise_places, struck_names
from studio.agent.facts.tokens import Token, tokens
from studio.agent.facts.words import fact_words
from studio.book.sentence_diff import alike
from studio.book.words import split_front_matter

MOST = 12  # facts of one edit; an edit that changes more is a new text
_LONGEST = 1_500  # words of a changed passage that are compared one by one
_SHOWN = 80  # characters of a struck sentence
_QUOTING = "notes/reviews/"  # what is quoted there is no part of the book
_SIMILAR = 0.7  # of two names' letters, from which one may be another spelling of the other
_REWORDED = 0.4  # share of common words from which a passage says the same in other words
_MOST_CHANGED = 600_000  # characters taken out and put in, all edits together; beyond that it is another book
_MOST_STRUCK = 80  # sentences that are looked at


class Edited(NamedTuple):
    """One file, as it was and as the author made it."""

    file: str
    before: str
    after: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that the author changed in `file`, and that still stands elsewhere as it was."""

    file: str
    old: str
    new: str  # "" = it was struck
    places: dict[str, int]  # file -> how often; the most first

    @property
    def count(self) -> int:
        """All places."""
        return sum(self.places.values())


def still_standing(edits: Iterable[Edited], texts: Iterable[tuple[str, str]]) -> list[Standing]:
    """What these edits changed and is not changed everywhere, in order; nothing twice.

    Args:
        edits: files of the book.
        texts: (name, text) of every file as it is now, in reading order.
    """
    book = {name: _normal(text) for name, text in texts if text and not name.startswith(_QUOTING)}
    made = [Edited(file, _normal(before), _normal(after)) for file, before, after in edits]
    was = {**book, **{file: before for file, before, _ in reversed(made)}}
    found: dict[tuple[str, str], Standing] = {}
    changed = 0
    for edited in made:
        if not edited.before or not edited.after or edited.file.startswith(_QUOTING):
            continue
        comparison = _Comparison(edited, book, was)
        changed += comparison.changed
        if changed > _MOST_CHANGED or len(found) >= MOST:
            break
        for one in comparison.standing():
            found.setdefault((one.old, one.new), one)
    return list(found.values())[:MOST]


def _normal(text: str) -> str:
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


class _Comparison:
    """One edit, looked at in the light of the whole book."""

    def __init__(self, edited: Edited, book: dict[str, str], was: dict[str, str]) -> None:
        """`book` as it is now, `was` as it was before any of the edits."""
        self._file = file = edited.file
        self._before = split_front_matter(edited.before)[1]
        self._after = split_front_matter(edited.after)[1]
        self._was = [self._before, *(text for name, text in was.items() if name != file)]
        self._now = book
        self._others = [text for name, text in book.items() if name != file]
        self._all = [self._before, self._after, *self._others]
        self._uses: dict[str, Uses] = {}
        self._nouns = Nouns(self._all)
        self._passages = list(passages(self._before, self._after))
        self.changed = sum(len(one) for passage in self._passages for one in (*passage.old, *passage.new))
        self._fresh = {sentence for passage in self._passages for sentence in passage.new}
        self._renamed: Counter[tuple[str, str]] = Counter()
        self._searched: dict[tuple[str, str], list[str]] = {}  # a renaming -> what to look for
        self._in_heading: set[tuple[str, str]] = set()
        self._figures: dict[tuple[str, str], Figure] = {}
        self._dates: dict[tuple[str, str], str] = {}

    def standing(self) -> Iterator[Standing]:
        """Names, then figures and dates, then what was struck."""
        for passage in self._passages:
            if passage.old and passage.new:
                self._compare(passage)
        for old, new in self._renamings():
            yield from self._told(old, new, self._places_of(self._searched[old, new]))
        for (old, new), figure in list(self._figures.items())[:MOST]:
            yield from self._told(old, new, self._count(lambda text, f=figure: figures_like(f, text)))  # type: ignore[misc]
        for (old, new), key in list(self._dates.items())[:MOST]:
            yield from self._told(old, new, self._count(lambda text, k=key: dates_like(k, text)))  # type: ignore[misc]
        yield from self._struck()

    def _told(self, old: str, new: str, places: Counter[str]) -> Iterator[Standing]:
        if places:
            yield Standing(file=self._file, old=old, new=new, places=dict(places.most_common()))

    # --- what changed ---------------------------------------------------------------------------------------------

    def _compare(self, passage: Passage) -> None:
        old_text, new_text = "\n".join(passage.old), "\n".join(passage.new)
        old, new = tokens(old_text), tokens(new_text)
        if len(old) > _LONGEST or len(new) > _LONGEST or (len(old) > 3 and common(old, new) < _REWORDED):
            return
        matcher = SequenceMatcher(None, [word.key for word in old], [word.key for word in new], autojunk=False)
        for kind, start, end, other_start, other_end in matcher.get_opcodes():
            if kind != "replace":
                continue
            self._compare_figures(passage, (old, old_text, start, end), (new, new_text, other_start, other_end))
            if is_wide(old[start].key) and is_wide(new[other_start].key):
                self._compare_chinese(
                    old_text,
                    old[start].start,
                    old[end - 1].end,
                    new_text,
                    new[other_start].start,
                    new[other_end - 1].end,
                )
            else:
                self._compare_names((old, old_text, start, end), (new, new_text, other_start, other_end))

    def _compare_names(
        self, before: tuple[list[Token], str, int, int], after: tuple[list[Token], str, int, int]
    ) -> None:
        (old, old_text, start, end), (new, new_text, other_start, other_end) = before, after
        gone, came = capital_runs(old[start:end]), capital_runs(new[other_start:other_end])
        if len(gone) != len(came):
            return
        for one, other in zip(gone, came, strict=True):
            at, other_at = start + one.start, other_start + other.start
            core = old[at : start + one.end]
            new_core = new[other_at : other_start + other.end]
            if self._is_fleeting(core) or self._is_fleeting(new_core):
                continue
            if not (
                self._is_name(core) or self._begins_name(old, old_text, at, start + one.end)
            ) or not self._may_be_name(new_core):
                continue
            self._note_renaming(
                (old, old_text, at, start + one.end), (new, new_text, other_at, other_start + other.end)
            )

    def _note_renaming(
        self, before: tuple[list[Token], str, int, int], after: tuple[list[Token], str, int, int]
    ) -> None:
        (old, old_text, at, end), (new, new_text, other_at, other_end) = before, after
        run, other_run = run_around(old, at, end), run_around(new, other_at, other_end)
        run = run._replace(start=self._without_beginning(old, run.start, at, old_text, run.end))
        other_run = other_run._replace(
            start=self._without_beginning(new, other_run.start, other_at, new_text, other_run.end)
        )
        vocabulary = fact_words()
        rest = [word.key.casefold() for word in (*old[run.start : at], *old[end : run.end])]
        core = [word.key.casefold() for word in old[at:end]]
        whole, name = _span(old_text, old, run), old_text[old[at].start : old[end - 1].end]
        new_whole, new_name = _span(new_text, new, other_run), new_text[new[other_at].start : new[other_end - 1].end]
        is_part = bool(rest) and (
            any(word.gap == "-" for word in old[run.start + 1 : run.end])
            or all(word in vocabulary.titles or word in vocabulary.places for word in core)
            or any(word in vocabulary.places or word in vocabulary.particles for word in rest)
        )
        if is_part:
            name, new_name = whole, new_whole
            searched = [whole]
        elif all(word in vocabulary.titles for word in rest):
            searched = [name]
        else:
            searched = [whole, name] if at == run.start else [name]
        if name.casefold() in (new_name.casefold(), new_name.casefold() + "s", new_whole.casefold()):
            return
        if new_name.casefold() == name.casefold() + "s":
            return
        pair = (name, new_name)
        self._renamed[pair] += 1
        self._searched.setdefault(pair, searched)
        line = old_text[old_text.rfind("\n", 0, old[at].start) + 1 : old[at].start]
        if line.startswith("#"):
            self._in_heading.add(pair)

    def _without_beginning(self, words: Sequence[Token], start: int, core: int, text: str, end: int) -> int:
        """The start of a run less a first word that is a capital only because it begins: "Then Luis"."""
        vocabulary = fact_words()
        first = words[start].key
        if (
            start < core
            and words[start].begins
            and words[start + 1].gap != "-"
            and first.casefold() not in vocabulary.titles
        ):
            phrase = text[words[start].start : words[end - 1].end]
            if not any(not begins_there(t, m.start()) for t in self._all for m in occurrences(phrase, t)):
                return start + 1
        return start

    def _is_fleeting(self, words: Sequence[Token]) -> bool:
        return any(word.key.casefold() in fact_words().fleeting for word in words)

    def _is_name(self, words: Sequence[Token]) -> bool:
        """Whether these are known to be a name: a capital that only ever begins makes none, nor does a noun's."""
        if all(self._nouns.is_common(word.key) for word in words):
            return False
        if any(not word.begins for word in words):
            return any(not w.begins and self._use(w.key).lower <= 2 * self._use(w.key).inside for w in words)
        use = self._use(words[0].key)
        return len(words) > 1 or use.inside > 3 * use.lower

    def _begins_name(self, words: Sequence[Token], text: str, start: int, end: int) -> bool:
        """Whether these begin a name of more words: a rank, or "Will" in a "Will Tanner" that stands elsewhere, too."""
        run = run_around(words, start, end)
        if run.end == end:
            return False
        phrase = _span(text, words, Name(start, run.end))
        is_rank = all(word.key.casefold() in fact_words().titles for word in words[start:end])
        return is_rank or any(not begins_there(one, at.start()) for one in self._all for at in occurrences(phrase, one))

    def _may_be_name(self, words: Sequence[Token]) -> bool:
        """The same of what stands in a name's place, and may be new to the book."""
        if self._nouns.have_capitals:
            return not any(self._nouns.has_articles(word.key) for word in words)
        return self._is_name(words) or (words[0].begins and not self._use(words[0].key).lower)

    def _use(self, word: str) -> Uses:
        if word not in self._uses:
            self._uses[word] = uses(word, self._all)
        return self._uses[word]

    def _compare_chinese(self, before: str, start: int, end: int, after: str, other: int, other_end: int) -> None:
        if end - start > 4 or other_end - other > 4:
            return
        shift, shift_end = other - start, other_end - end
        for at, to in chinese_around(before, start, end):
            name, new = before[at:to], after[at + shift : to + shift_end]
            if any(known == (name, new) for known in self._renamed):
                self._renamed[name, new] += 1
                return
            counterparts = set(chinese_around(after, other, other_end))
            if (at + shift, to + shift_end) not in counterparts or not is_wide(new):
                continue
            if is_chinese_name(name, self._was):
                self._renamed[name, new] += 1
                self._searched[name, new] = [name]
                return

    def _compare_figures(
        self,
        passage: Passage,
        before: tuple[list[Token], str, int, int],
        after: tuple[list[Token], str, int, int],
    ) -> None:
        (old, old_text, start, end), (new, new_text, other_start, other_end) = before, after
        gone = [at for at in range(start, end) if not old[at].is_word]
        came = [at for at in range(other_start, other_end) if not new[at].is_word]
        if len(gone) != len(came):
            return
        for at, other in zip(gone, came, strict=True):
            pair = (_text_of(old_text, old[at]), _text_of(new_text, new[other]))
            if old[at].key[0] != new[other].key[0]:
                continue
            if old[at].key[0] == "@":
                self._dates.setdefault(pair, old[at].key)
                continue
            figure = figure_at(old, at, old_text, passage.lead)
            if is_fact(figure, figure_at(new, other, new_text, passage.lead)):
                self._figures.setdefault(pair, figure)

    # --- which of it is a renaming --------------------------------------------------------------------------------

    def _renamings(self) -> Iterator[tuple[str, str]]:
        for (old, new), times in self._renamed.most_common():
            if any(was == old and other > times for (was, _), other in self._renamed.items()):
                continue  # of several new names the commonest; the others say who else did it
            if (new, old) in self._renamed:
                continue  # they changed places
            if self._is_known(new) and not self._is_whole(old, new, times):
                continue  # another of the book's people did it
            yield old, new

    def _is_known(self, name: str) -> bool:
        return any(next(occurrences(name, text), None) for text in self._was)

    def _is_whole(self, old: str, new: str, times: int) -> bool:
        """Whether an edit that puts one known name in the other's place can't mean that somebody else did it."""
        if (old, new) in self._in_heading:
            return True
        is_gone = next(occurrences(old, self._after), None) is None
        similar = SequenceMatcher(None, old, new).ratio() >= _SIMILAR and len(old) > 2
        return is_gone and (times > 1 or similar)

    # --- where it still stands ------------------------------------------------------------------------------------

    def _places_of(self, searched: Sequence[str]) -> Counter[str]:
        core = searched[-1]
        counts_beginnings = " " in core or is_wide(core) or not self._use(core).lower

        def places(text: str) -> Iterator[int]:
            for match in occurrences(core, text, genitive=self._nouns.have_capitals):
                if not counts_beginnings and begins_there(text, match.start()):
                    is_name = text.startswith(("'s", "’s"), match.end()) or (
                        len(searched) > 1 and text.startswith(searched[0], match.start())
                    )
                    if not is_name:
                        continue  # "Will you?"
                if len(searched) > 1 and _is_anothers(match.end(), text, searched[0]):
                    continue
                yield match.start()

        return self._count(places)

    def _count(self, find: Callable[[str], Iterable[int]]) -> Counter[str]:
        counted: Counter[str] = Counter()
        for name, text in self._now.items():
            places = list(find(text))
            if places and name == self._file:
                places = [at for at in places if sentence_at(text, at) not in self._fresh]
            if places:
                counted[name] = len(places)
        return counted

    # --- what was struck ------------------------------------------------------------------------------------------

    def _struck(self) -> Iterator[Standing]:
        others = {name: text for name, text in self._now.items() if name != self._file}
        seen = {old for old, _ in self._renamed}
        for sentence, passage in islice(self._gone(), _MOST_STRUCK):
            for name in struck_names(sentence, self._file, self._after, self._now, seen, self._nouns):
                places = Counter({file: sum(1 for _ in occurrences(name, text)) for file, text in others.items()})
                yield from self._told(name, "", +places)
            yield from self._told(_short(sentence), "", promise_places(sentence, passage.lead, others))

    def _gone(self) -> Iterator[tuple[str, Passage]]:
        """The sentences that were struck, not reworded and not moved."""
        for passage in self._passages:
            for sentence in passage.old:
                is_reworded = len(passage.new) <= _MOST_STRUCK and any(alike(sentence, one) for one in passage.new)
                if not is_reworded and not self._stands_somewhere(sentence):
                    yield sentence, passage

    def _stands_somewhere(self, sentence: str) -> bool:
        return any(sentence in text for text in (self._after, *self._others))


def _is_anothers(end: int, text: str, whole: str) -> bool:
    """Whether a first name is followed by another family name than that of `whole`."""
    follows = tokens(text[end : end + 40])[:1]
    if not follows or not follows[0].is_capital or follows[0].gap != " ":
        return False
    return follows[0].key not in whole.split()


def _span(text: str, words: Sequence[Token], run: Name) -> str:
    return text[words[run.start].start : words[run.end - 1].end]


def _text_of(text: str, word: Token) -> str:
    return " ".join(text[word.start : word.end].split())


def _short(sentence: str) -> str:
    plain = " ".join(sentence.split())
    return plain if len(plain) <= _SHOWN else plain[: _SHOWN - 1].rstrip() + "…"

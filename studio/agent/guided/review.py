"""What code can judge of a chapter when its model can't: length, repetition, openings, ends, an assistant's talk.

SmolLM2-135M gives a page of the best prose and one of loops the same distribution of marks (measured by its own
probabilities, with and without examples), so its marks are not asked for: what is counted here is scored, what nobody
can judge is said to be so, and the model's words are its retelling of the chapter. Pure.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from studio.agent.guided.words import TALK, first_name, names_in
from studio.book.merge import sentences
from studio.book.plan import SHORT
from studio.book.words import count_words

HEAD = "Counted by the studio; the model of this book can't judge prose."
UNSAID = "Not judged: setting, stakes, pacing, fidelity, integration."

_RUN = 4  # words that stand elsewhere in the same order are no chance
_STRETCH = 70  # words of a passage that is rewritten in one go, about
_REPEATS = 0.12  # share of a stretch's runs of words that may stand elsewhere
_SAME = 0.5  # share of a stretch's sentences that may begin with the same word
_SENTENCES = 5  # of a stretch: in fewer it is chance
_THIN = 25  # words of a paragraph that can be grown
_OPENING = 4  # words by which two chapters begin alike
_QUOTED = 24  # words of a passage that is quoted
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SPOKEN = re.compile(r"[“\"][^”\"\n]{2,}[”\"]")
_ENDS = (".", "!", "?", "…", "”", '"', "»", "’", "*", "。", "！", "？", "」")
_LIST = re.compile(r"\s*(?:#|[-*•]\s|\d{1,2}[.)]\s|---)")


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A chapter as it is looked at, with what is needed beside it."""

    text: str
    before: tuple[str, ...] = ()  # the chapters before it
    least: int = 0  # words it should have
    most: int = 0  # 0 = as many as it likes
    hero: str = ""
    own: Callable[[str], bool] = lambda passage: True  # whether a passage is the agent's alone, so that it may go


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that can be mended, by its place in the text."""

    kind: str  # talk | heading | repeat | alike | same | unfinished | short
    start: int
    end: int
    said: str  # what is wrong with it, as a clause

    @property
    def adds(self) -> bool:
        """Whether the passage stays, and something comes after it."""
        return self.kind in ("unfinished", "short")


# --- the marks ----------------------------------------------------------------------------------------------------


def words_of_review(look: Look, retold: str) -> str:
    """The review as `critique.read_critique` reads one: a line a criterion, then what would help."""
    found = faults(look)
    lines = [HEAD, UNSAID]
    if retold.strip():
        lines.append(f"Retold by the model: {' '.join(retold.split())}")
    lines += ["", *_marks(look, found)]
    if found:
        lines += ["", "Changes:"]
        for number, one in enumerate(found[:3], 1):
            lines.append(f"{number}. {one.said}: «{_quote(look.text[one.start : one.end])}»")
    return "\n".join(lines)


def head_of(reply: str) -> str:
    """What stands before the marks of such a review, for the report; "" when it is another reader's."""
    return reply.split("\n\n", 1)[0] if reply.startswith(HEAD) else ""


def _marks(look: Look, found: Sequence[Fault]) -> Iterator[str]:
    body = look.text[_body(look.text) :]
    ending = " ".join(body.split()[-_QUOTED:])
    first = first_name(look.hero)
    at = body.find(first) if first else 0
    named = len(re.findall(rf"\b{re.escape(first)}\b", body)) if first else sum(names_in(body).values())
    spoken = len(_SPOKEN.findall(body))
    yield _mark(
        "character",
        5.0 * bool(named) + min(5.0, 1.25 * spoken),
        body[body.rfind("\n", 0, at) + 1 :] if at >= 0 else body,
        f"{look.hero or 'somebody'} is named {_times(named)}; {_many(spoken, 'line')} spoken",
    )
    share, same = repeated(body, look.before), beginning_alike(body)
    talk = sum(one.kind in ("talk", "heading") for one in found)
    worst = next((one for one in found if one.kind in ("talk", "heading", "repeat", "same")), None)
    yield _mark(
        "voice",
        10 - 20 * share - 2 * talk - 8 * max(0.0, same - 0.2),
        look.text[worst.start : worst.end] if worst else body,
        f"{100 * share:.0f} % of it stands elsewhere word for word, {100 * same:.0f} % of the sentences begin alike"
        + (f"; {_many(talk, 'passage')} no story" if talk else ""),
    )
    words = count_words(body)
    size = 10.0 * words / look.least if look.least else 10.0
    if look.most and words > 1.25 * look.most:
        size = 10.0 * look.most / words
    asked = f"{words:,} words" + (f", at least {look.least:,} are asked for" if look.least else "")
    yield _mark("expansion", size, ending, asked)
    kinds = {one.kind for one in found}
    known = {*names_in(look.before[-1] if look.before else ""), first} - {""}
    joined = not known or any(name in body for name in known)
    joint = 10.0 - 4 * ("alike" in kinds) - 3 * ("unfinished" in kinds) - 3 * (not joined)
    said = [
        "it begins as another chapter does" if "alike" in kinds else "it begins like no other chapter",
        "nobody of the chapter before is in it" if not joined else "",
        "it breaks off" if "unfinished" in kinds else "",
    ]
    yield _mark("seamlessness", joint, body, ", ".join(part for part in said if part))


def _mark(criterion: str, value: float, passage: str, said: str) -> str:
    return f"{criterion}: {max(0.0, min(10.0, value)):.1f} — «{_quote(passage)}» — {said}"


def _quote(passage: str) -> str:
    """The beginning of a passage on one line, without the marks that would end the quotation."""
    words = re.sub(r"[«»“”\"]", "", passage).split()
    return " ".join(words[:_QUOTED]) + (" …" if len(words) > _QUOTED else "")


def _many(count: int, what: str) -> str:
    return f"1 {what} is" if count == 1 else f"{count} {what}s are"


def _times(count: int) -> str:
    return {0: "nowhere", 1: "once"}.get(count, f"{count} times")


# --- what is wrong ------------------------------------------------------------------------------------------------


def faults(look: Look) -> list[Fault]:
    """What can be mended, the worst first. Passages with words of the author's in them are left alone."""
    text = look.text
    found = [*_no_story(text), *_repeats(look), *_alike(look), *_short(look), *_unfinished(text), *_same(text)]
    return [one for one in found if look.own(text[one.start : one.end])]


def weakest(look: Look) -> Fault | None:
    """The passage to be mended first, or None."""
    return next(iter(faults(look)), None)


def _body(text: str) -> int:
    """Where the text begins after its heading."""
    match = re.match(r"\s*#[^\n]*\n\s*", text)
    return match.end() if match else 0


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """The places of the paragraphs, without the heading and the blanks around them."""
    start = _body(text)
    for match in re.finditer(r"\S.*?(?=\s*(?:\n\s*\n|\Z))", text[start:], re.DOTALL):
        yield start + match.start(), start + match.end()


def places_of_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of the paragraphs begins and ends."""
    for start, end in _paragraphs(text):
        at = start
        for one in sentences(text[start:end]):
            if one.strip():
                yield at, at + len(one.rstrip())
            at += len(one)


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Sentences that stand together, about so many words each, never across a paragraph's end."""
    for start, end in _paragraphs(text):
        at = from_ = start
        for one in sentences(text[start:end]):
            at += len(one)
            if count_words(text[from_:at]) >= _STRETCH:
                yield from_, from_ + len(text[from_:at].rstrip())
                from_ = at
        if text[from_:end].strip():
            yield from_, end


def _no_story(text: str) -> Iterator[Fault]:
    for start, end in places_of_sentences(text):
        if TALK.match(text[start:end]):
            yield Fault(kind="talk", start=start, end=end, said="This is said of the text, not told in it")
    for line in re.finditer(r"\S[^\n]*", text[_body(text) :]):
        if _LIST.match(line.group()):
            start = _body(text) + line.start()
            end = start + len(line.group().rstrip())
            yield Fault(kind="heading", start=start, end=end, said="A heading or a list is no prose")


def _repeats(look: Look) -> list[Fault]:
    text = look.text
    known = set(runs_of(" ".join(look.before)))
    ranked: list[tuple[float, Fault]] = []
    for start, end in _stretches(text):
        own = runs_of(text[start:end])
        share = sum(one in known for one in own) / len(own) if own else 0.0
        if share > _REPEATS:
            said = f"{100 * share:.0f} % of this stands elsewhere word for word"
            ranked.append((share, Fault(kind="repeat", start=start, end=end, said=said)))
        known |= set(own)
    return [fault for _, fault in sorted(ranked, key=lambda one: -one[0])]


def repeated(body: str, before: Sequence[str]) -> float:
    """The share of its runs of words that a text has from the chapters before, or has had itself already."""
    known = set(runs_of(" ".join(before)))
    own = runs_of(body)
    count = 0
    for one in own:
        count += one in known
        known.add(one)
    return count / len(own) if own else 0.0


def beginning_alike(body: str) -> float:
    """The share of its sentences that begin with the word most of them begin with."""
    first = Counter(_first(body[start:end]) for start, end in places_of_sentences(body))
    return max(first.values(), default=0) / max(1, first.total())


def _first(sentence: str) -> str:
    match = _WORD.search(sentence)
    return match.group().casefold() if match else ""


def _same(text: str) -> list[Fault]:
    ranked: list[tuple[float, Fault]] = []
    for start, end in _stretches(text):
        share = beginning_alike(text[start:end])
        if share > _SAME and len(list(places_of_sentences(text[start:end]))) >= _SENTENCES:
            said = f"{100 * share:.0f} % of these sentences begin with the same word"
            ranked.append((share, Fault(kind="same", start=start, end=end, said=said)))
    return [fault for _, fault in sorted(ranked, key=lambda one: -one[0])]


def runs_of(text: str) -> list[tuple[str, ...]]:
    """Every few words that stand together, in order: two texts that share one share no chance."""
    words = [word.casefold() for word in _WORD.findall(text)]
    return [tuple(words[at : at + _RUN]) for at in range(len(words) - _RUN + 1)]


def _alike(look: Look) -> Iterator[Fault]:
    first = next(places_of_sentences(look.text), None)
    if first is None:
        return
    opening = _opening(look.text)
    if opening and any(_opening(other) == opening for other in look.before):
        yield Fault(kind="alike", start=first[0], end=first[1], said="Another chapter begins with the same words")


def _opening(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text[_body(text) :][:200])[:_OPENING]]


def _unfinished(text: str) -> Iterator[Fault]:
    last = list(places_of_sentences(text))[-1:]
    for start, end in last:
        if not text[start:end].endswith(_ENDS):
            yield Fault(kind="unfinished", start=start, end=end, said="The chapter breaks off")


def _short(look: Look) -> Iterator[Fault]:
    if count_words(look.text) >= SHORT * look.least:
        return
    places = list(_paragraphs(look.text))
    thin = min(places, key=lambda place: abs(count_words(look.text[place[0] : place[1]]) - _THIN), default=None)
    if thin is not None:
        yield Fault(kind="short", start=thin[0], end=thin[1], said="The chapter is short, and this is told in passing")

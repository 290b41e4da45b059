"""A reader's critique as values: scores, each with a passage that must really stand in the chapter, and changes.

Pure. Models answer in JSON or in lines, well or badly: what can be read is taken, what can't be is left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from studio.agent.reviews.scores import mean
from studio.backends.partial_json import parse_arguments
from studio.book.words import IDEOGRAPH

DROP = 0.5  # of the mean: a revision that loses more is undone
MOST_CHANGES = 3

_LEAST_WORDS = 3  # of a passage: fewer stand in every chapter
_LEAST_SHARED = 3  # criteria that two rounds must have in common to be compared
_LONGEST = 60_000  # characters of an answer that are looked at
_DEEPEST = 6  # objects within each other that are looked into

_QUOTES = [
    ("«", "»"),
    ("“", "”"),
    ("„", "“"),
    ("”", "”"),
    ('"', '"'),
    ("「", "」"),
    ("『", "』"),
    ("‹", "›"),
    ("‘", "’"),
]
_WORD = re.compile(rf"[{IDEOGRAPH}]|[^\W_{IDEOGRAPH}]+")
_LEFT_OUT = re.compile(r"\[?(?:…|\.\.\.)\]?")
_SCORE = re.compile(
    r"(?<![\d.,])(?P<value>\d{1,3}(?:[.,]\d{1,2})?)(?:\s?(?:/|out of|von|sur)\s?(?P<of>\d{1,3}))?(?![\d%])"
)
_CHANGES = re.compile(
    r"\W{0,6}(?:the |my |top |three |3 |most |useful |suggested |concrete )*"
    r"(?:(?:changes?|revisions|suggestions|priorities|improvements|what to change|änderungen|changements|cambios)\b"
    r"|修改|建议)[^.!?]{0,60}",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\s{0,4}[*_]{0,2}(?:\d{1,2}\s?[.):]|[-*•])[*_]{0,2}\s+(?P<text>\S.*)")
_NUMBERED = re.compile(r"\s{0,4}[*_]{0,2}1\s?[.)][*_]{0,2}\s+\S")


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion's score."""

    criterion: str
    value: float  # 0..10
    passage: str  # quoted for it; "" = none was
    stands: bool  # the passage is the chapter's: only then the score counts
    comment: str = ""


class Critique(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader said of a chapter."""

    scores: tuple[Score, ...] = ()  # in the rubric's order, each criterion once at most
    changes: tuple[str, ...] = ()  # the most useful first

    @property
    def counted(self) -> dict[str, float]:
        """The scores that count."""
        return {one.criterion: one.value for one in self.scores if one.stands}


def lost(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """By how much the mean fell, over what both rounds scored; 0.0 when that is too little to tell."""
    shared = before.keys() & after.keys()
    if len(shared) < _LEAST_SHARED:
        return 0.0
    return sum(before[name] - after[name] for name in shared) / len(shared)


def stands_in(passage: str, chapter: str) -> bool:
    """Whether a passage is the chapter's, word for word; quotation marks, dashes and emphasis may differ."""
    return _stands_in(passage, _plain(chapter))


def _stands_in(passage: str, words: str) -> bool:
    pieces = [piece for part in _LEFT_OUT.split(passage) if (piece := _plain(part)).strip()]
    if sum(len(piece.split()) for piece in pieces) < _LEAST_WORDS:
        return False
    at = 0
    for piece in pieces:
        found = words.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece) - 1
    return True


def _plain(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def read_critique(reply: str, criteria: Iterable[str], chapter: str) -> Critique:
    """The critique in a reader's answer; what is not there is missing, and nothing is raised."""
    names, reply = list(criteria), reply[:_LONGEST]
    claims, changes = _from_json(reply, names)
    if not claims:
        claims, changes = _from_lines(reply, names)
    words = _plain(chapter)
    scores = []
    for name in names:
        if name in claims:
            value, text, passages = claims[name]
            good = next((one for one in passages if _stands_in(one, words)), None)
            passage = good or next(iter(passages), "")
            comment = _comment(text, passage)
            scores.append(Score(criterion=name, value=value, passage=passage, stands=good is not None, comment=comment))
    return Critique(scores=tuple(scores), changes=tuple(changes))


_Claims = dict[str, tuple[float, str, list[str]]]  # criterion -> score, what was said with it, passages quoted


# --- lines --------------------------------------------------------------------------------------------------------


def _from_lines(reply: str, names: Sequence[str]) -> tuple[_Claims, list[str]]:
    opens = re.compile(
        rf"[\W\d_]{{0,12}}(?P<name>{'|'.join(map(re.escape, names))})\w{{0,3}}(?P<more>[^\d\n«»“”\"„「]{{0,60}})(?=\d)",
        re.I,
    )
    blocks: dict[str, list[str]] = {}
    values: dict[str, float] = {}
    open_block: list[str] = []
    rest: list[str] = []
    is_changes = False
    for line in reply.splitlines():
        match = opens.match(line)
        if match and (score := _SCORE.match(line, match.end())) and (value := _value(score)) is not None:
            name = match["name"].casefold()
            is_changes = False
            open_block = []
            if name not in blocks:
                values[name], blocks[name] = value, open_block
            open_block.append(line[score.end() :])
        elif not is_changes and (_is_changes(line) or (len(blocks) == len(names) and _NUMBERED.match(line))):
            is_changes = True
            rest.append(line)
        elif is_changes:
            rest.append(line)
        else:
            open_block.append(line)
    texts = {name: "\n".join(block).strip() for name, block in blocks.items()}
    return {name: (values[name], text, quoted(text)) for name, text in texts.items()}, _items(rest)


def _is_changes(line: str) -> bool:
    match = _CHANGES.match(line)
    return match is not None and (line.lstrip()[:1] in "#*_" or ":" in line or "：" in line or match.end() >= len(line))


def _items(lines: Iterable[str]) -> list[str]:
    """The items of a list, with the lines they go on in."""
    items: list[str] = []
    for line in lines:
        if match := _ITEM.match(line):
            items.append(match["text"].strip())
        elif items and line.strip():
            items[-1] += " " + line.strip()
    return items


def _value(match: re.Match[str]) -> float | None:
    value = float(match["value"].replace(",", "."))
    of = int(match["of"] or 10)
    if of in (5, 10, 20, 100) and value <= of:
        return round(10 * value / of, 2)
    return None


def quoted(text: str) -> list[str]:
    """Every passage between quotation marks, the widest first; and lines quoted as Markdown does."""
    found: dict[str, None] = {}
    for opening, closing in _QUOTES:
        start = text.find(opening)
        end = text.rfind(closing)
        if 0 <= start < end:
            found[text[start + 1 : end]] = None
            if opening != closing:
                inner = re.findall(rf"{opening}([^{opening}{closing}]+){closing}", text)
            else:
                inner = text[start + 1 : end].split(closing)
            found |= dict.fromkeys(inner[:20])
    found |= {line.lstrip("> "): None for line in text.splitlines() if line.lstrip().startswith(">")}
    return [passage.strip() for passage in found if passage.strip()]


def _comment(text: str, passage: str) -> str:
    comment = text.replace(passage, "", 1) if passage else text
    return " ".join(comment.split()).strip(" -–—:;,.|*_«»“”„\"'()>/[]")


# --- JSON ---------------------------------------------------------------------------------------------------------


def _from_json(reply: str, names: Sequence[str]) -> tuple[_Claims, list[str]]:
    start = reply.find("{")
    if start < 0 or not re.search(r'["\']\s*:', reply):
        return {}, []
    end = reply.rfind("}")
    try:
        value = parse_arguments(reply[start : end + 1] if end > start else reply[start:])
    except ValueError:
        return {}, []
    claims: _Claims = {}
    for name, claim in _claims(value, names, 0):
        score = _score_of(claim)
        if score is not None and name not in claims:
            text = claim if isinstance(claim, str) else _said(claim, ("comment", "why", "reason", "note", "shows"))
            claims[name] = (score, text, _passages(claim))
    return claims, _changes_of(value)


def _claims(value: Any, names: Sequence[str], depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            yield from _claims(one, names, depth + 1)
    elif isinstance(value, dict):
        label = _said(value, ("criterion", "name", "dimension", "category", "aspect"))
        if name := _named(label, names):
            yield name, value
            return
        for key, inner in value.items():
            if name := _named(key, names):
                yield name, inner
            else:
                yield from _claims(inner, names, depth + 1)


def _named(label: str, names: Sequence[str]) -> str:
    bare = re.sub(r"^[\W\d_]+", "", label).casefold()
    return next((name for name in names if bare.startswith(name)), "")


def _said(value: Any, keys: Sequence[str]) -> str:
    if not isinstance(value, dict):
        return ""
    return next((value[key] for key in keys if isinstance(value.get(key), str)), "")


def _score_of(claim: Any) -> float | None:
    if isinstance(claim, dict):
        claim = next((claim[key] for key in ("score", "rating", "value", "points", "grade") if key in claim), None)
    if isinstance(claim, bool) or not isinstance(claim, int | float | str):
        return None
    match = _SCORE.search(f"{claim:.2f}" if isinstance(claim, float) else str(claim)[:200])
    return _value(match) if match else None


def _passages(claim: Any) -> list[str]:
    if isinstance(claim, str):
        return quoted(claim)
    if not isinstance(claim, dict):
        return []
    found: list[str] = []
    for key in ("passage", "quote", "quoted", "quotation", "evidence", "text", "quotes", "passages"):
        value = claim.get(key)
        found += (
            [value]
            if isinstance(value, str)
            else [one for one in value if isinstance(one, str)]
            if isinstance(value, list)
            else []
        )
    return [one.strip() for passage in found for one in (passage, *quoted(passage)) if one.strip()]


def _changes_of(value: dict[str, Any]) -> list[str]:
    key = next((key for key in value if _CHANGES.fullmatch(key.replace("_", " "))), "")
    found = value.get(key)
    if isinstance(found, str):
        return _items(found.splitlines()) or [found.strip()] * bool(found.strip())
    if not isinstance(found, list):
        return []
    changes = [
        one if isinstance(one, str) else " ".join(str(part) for part in one.values()) if isinstance(one, dict) else ""
        for one in found
    ]
    return [change.strip() for change in changes if change.strip()]


# --- in words -----------------------------------------------------------------------------------------------------


def figures(critique: Critique, criteria: Iterable[str]) -> str:
    """The scores on one line, those that don't count marked."""
    by_name = {one.criterion: one for one in critique.scores}
    parts = []
    for name in criteria:
        one = by_name.get(name)
        parts.append(f"{name} {'not scored' if one is None else f'{one.value:g}' if one.stands else 'unsupported'}")
    return ", ".join(parts)


def report(critique: Critique, reply: str, file: str, round: int, by: str = "") -> str:
    """The review as Markdown.

    Args:
        by: who judged what, where that has to be said.
    """
    average = mean(critique.counted)
    head = f"Mean: {average:.1f} of 10" if average is not None else "No score of this review counts."
    sections = [f"# Review of {file}, round {round}", *([by.replace("\n", "\n\n")] if by else []), head]
    lines = []
    for one in critique.scores:
        quote = f" — «{' '.join(one.passage.split())}»" if one.passage else ""
        mark = "" if one.stands else " (unsupported: the passage does not stand in the chapter)"
        lines.append(f"- {one.criterion}: {one.value:g}{mark}{quote}" + (f" — {one.comment}" if one.comment else ""))
    if lines:
        sections.append("\n".join(lines))
    if critique.changes:
        changes = "\n".join(f"{number}. {change}" for number, change in enumerate(critique.changes, 1))
        sections += ["## Changes", changes]
    if not critique.scores or not (critique.changes or by):
        sections += ["## In the reader's words", reply.strip() or "(nothing came)"]
    return "\n\n".join(sections) + "\n"

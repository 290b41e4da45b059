"""How a chapter of the board looks: as a card, as a row, and as it was read last. Pure; every text is untrusted."""

from itertools import pairwise

from rich.cells import cell_len
from textual.content import Content

from studio.agent.board import Board, Card, Reading
from studio.book.plan import DRAFTED, FINISHED, PLANNED, REVIEWED
from studio.tui.fit import fit, one_line, pad
from studio.tui.wrapped import row_starts

TINTS = {PLANNED: "$text-muted", DRAFTED: "$accent", REVIEWED: "$primary", FINISHED: "$success"}
_GOOD, _FAIR = 7.0, 5.0  # scores from which a bar is green, and yellow
_CAUSE_ROWS = 2  # of a card

Part = tuple[str, str] | str


def bar(share: float, cells: int, tint: str) -> list[Part]:
    """A line of so many cells, as full as `share` says."""
    filled = min(cells, max(1 if share > 0 else 0, round(share * cells)))
    return [("━" * filled, tint), ("─" * (cells - filled), "$border-blurred")]


def as_card(card: Card, width: int, *, writing: bool) -> Content:
    """Number and title, words and last score, what leads to the next chapter; a blank line ends it."""
    hang = " " * 4
    room = width - len(hang)
    is_tight = room < 30
    count, score = _words(card), _score(card.last)
    if is_tight:
        count, score = count.replace(" / ", "/"), score.replace(" ", "", 1).partition(" ")[0]
    count, score = fit(count, room), fit(score, 9)
    taken = cell_len(count) + (cell_len(score) + 1 if score else 0)
    length = min(24, room - taken - 1)
    line: list[Part] = [*bar(_share(card), length, _tint(card)), " "] if length >= 3 else []
    gap = max(1, room - taken + 1 - (length + 1 if line else 0))
    line += [(count, "$text-muted"), " " * (gap if score else 0), (score, _score_tint(card.last))]
    parts: list[Part] = [*_head(card, width, writing=writing), "\n", hang, *line, "\n"]
    for row in _cause_rows(card, room):
        parts += [hang, (row, "$text-muted italic"), "\n"]
    return Content.assemble(*parts)


def as_row(card: Card, width: int, *, writing: bool) -> Content:
    """All of it on one line, as far as there is room."""
    count, score = _words(card), _score(card.last)
    wide = width >= 130
    length = 16 if wide else 6 if width >= 70 else 0
    right = 2 + 9 + (length + 2 if length else 0) + 1 + 15 + 2 + 8
    cause = max(0, (width - right) * 2 // 5) if wide else 0
    parts: list[Part] = [*_head(card, width - right - cause, writing=writing), "  "]
    parts += [(f"{card.entry.status:<9}", TINTS[card.entry.status]), " "]
    parts += [*bar(_share(card), length, _tint(card)), "  "] if length else []
    parts += [(pad(count, 15), "$text-muted"), "  ", (pad(score, 8), _score_tint(card.last))]
    if cause:
        leads = f"→ {card.chapter.cause}" if card.chapter.cause else ""
        parts += ["  ", (pad(leads, cause - 2), "$text-muted italic")]
    return Content.assemble(*parts)


def _head(card: Card, width: int, *, writing: bool) -> list[Part]:
    """` 3  Low Water               ✎`, exactly as wide."""
    mark, tint = ("… writing", "$success") if writing else ("✎", "$secondary") if card.by == "author" else ("", "")
    if width < 30:
        mark = mark[:1]
    number = f"{card.chapter.number:>3}" if card.chapter.number is not None else "  ·"
    title = one_line(card.chapter.title or card.entry.file or "untitled")
    look = "bold" if card.entry.words else ""
    room = max(4, width - len(number) - 1 - (cell_len(mark) + 1 if mark else 0))
    return [
        (number[-3:], TINTS[card.entry.status]),
        " ",
        (pad(title, room), look),
        " " * bool(mark),
        (mark, tint),
    ]


def _words(card: Card) -> str:
    """`2,940 / 3,500`."""
    words = f"{card.entry.words:,}"
    if card.target is None:
        return f"{words} words" if card.entry.words else "not begun"
    return f"{words} / {card.target.middle:,}" if card.entry.words else f"{card.target.middle:,} planned"


def _share(card: Card) -> float:
    return card.entry.words / card.target.low if card.target is not None else float(card.entry.words > 0)


def _tint(card: Card) -> str:
    short = card.entry.words and card.target is not None and card.target.is_missed_by(card.entry.words)
    return "$warning" if short else TINTS[card.entry.status]


def _score(reading: Reading | None) -> str:
    """`★ 7.4 ·2`: the mean, and of which round."""
    if reading is None:
        return ""
    return f"★ {f'{reading.mean:.1f}' if reading.mean is not None else '–'} ·{reading.round}"


def _score_tint(reading: Reading | None) -> str:
    return "$text-muted" if reading is None or not reading.is_current else tint_of(reading.mean)


def tint_of(score: float | None) -> str:
    """The colour of a score."""
    if score is None:
        return "$text-muted"
    return "$success" if score >= _GOOD else "$warning" if score >= _FAIR else "$error"


def _cause_rows(card: Card, width: int) -> list[str]:
    if not card.chapter.cause or width < 8:
        return []
    text = one_line(f"→ {card.chapter.cause}")[:1_000]
    starts = [*row_starts(text, width), len(text)]
    rows = [text[first:last].strip() for first, last in pairwise(starts)]
    kept = rows[:_CAUSE_ROWS]
    if len(rows) > len(kept):
        kept[-1] = fit(kept[-1] + " …", width) if cell_len(kept[-1]) + 2 <= width else fit(kept[-1] + "  ", width)
    return kept


# --- the one that is selected -------------------------------------------------------------------------------------


def told_file(card: Card, width: int) -> Content:
    """`chapter_03.md · 2,940 words of 3,000-4,000 · you touched it last · r notes/reviews/chapter_03-2.md`."""
    asks = "" if card.target is None else f" of {card.target}" + ("" if card.chapter.target else ", as book.yaml asks")
    by = {"author": "you touched it last", "agent": "the agent touched it last"}.get(card.by, "")
    facts = [one_line(card.entry.file), f"{card.entry.words:,} words{asks}" if card.entry.words else "", by]
    report = one_line(card.last.report) if card.last is not None else ""
    room = width - (cell_len(report) + 5 if report else 0)
    while len(facts) > 1 and cell_len(" · ".join(filter(None, facts))) > room:
        facts.pop()
    told: list[Part] = [" · ".join(filter(None, facts))]
    if report:
        told += ["  ", ("r ", "bold $primary"), fit(report, width)]
    return Content.assemble(*told)


def told_scores(card: Card, width: int) -> Content:
    """The last reading: the mean, and each criterion as a bar with how it moved since the one before."""
    last = card.last
    if last is None:
        said = "Not read by the rubric yet." if card.entry.words else "Not written yet."
        return Content.assemble((said, "$text-muted"))
    before = card.readings[-2].scores if len(card.readings) > 1 else {}
    mean = f"★ {last.mean:.1f} of 10" if last.mean is not None else "★ no score counts"
    since = "" if last.is_current else ", the chapter has changed since"
    parts: list[Part] = [(mean, f"bold {tint_of(last.mean)}"), (f"  round {last.round}{since}", "$text-muted"), "\n"]
    wide = max((cell_len(one_line(name)) for name in last.scores), default=0)
    wide = min(wide, 16)
    for name, score in last.scores.items():
        moved = score - before.get(name, score)
        arrow, tint = ("▲", "$success") if moved > 0 else ("▼", "$error") if moved < 0 else (" ", "")
        length = max(4, min(20, width - wide - 9))
        parts += [
            pad(name, wide),
            "  ",
            *bar(score / 10, length, tint_of(score)),
            f" {score:4.1f} ",
            (arrow, tint),
            "\n",
        ]
    return Content.assemble(*parts[:-1])


def heading_line(board: Board, title: str, forecast: str, width: int) -> Content:
    """`The Salt Circus  ━━━━━─────  12 of 30 chapters · 41,200 of ≈105,000 words · ≈ 120 more steps, $3-5, 2-3 h`."""
    asked = board.words_asked
    facts = forecast
    for much in (0, 1, 2) if board.cards else ():
        count = f"{board.written}{'/' if much else ' of '}{len(board.cards)}{' chapters' if much < 2 else ''}"
        words = f"{board.words:,}" + (f"{'/' if much else ' of ≈'}{asked:,}" if asked else "") + " words"
        facts = " · ".join(filter(None, (count, words, forecast)))
        if cell_len(facts) <= width:
            break
    rest = width - cell_len(facts)
    length = min(40, rest - 24) if asked and rest >= 40 else 0
    name = fit(title, rest - (length + 2 if length else 0) - 2) if rest > 10 else ""
    return Content.assemble(
        (name, "bold $primary"),
        "  " if name else "",
        *(bar(board.words / asked, length, "$success") if length else []),
        "  " if length else "",
        fit(facts, width),
    )

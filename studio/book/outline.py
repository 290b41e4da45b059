"""The plan of a book, read out of outline.md as authors and models really write it: headings, numbered lists, tables,
bullets, 第三章. Pure; whatever stands there, it never raises, and what can't be told is left out.
"""

import re
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

import msgspec

from studio.book.numerals import CHINESE, numeral
from studio.book.outline_lines import (
    OPENS,
    PART,
    Line,
    Mark,
    chapter_mark,
    lines_of,
    names_chapters,
    stated_cause,
    stated_status,
    title_of,
)
from studio.book.outline_table import bare_rows_of, rows_of
from studio.book.plan import DRAFTED, PLANNED, REVIEWED, STATUSES, Chapter, Entry
from studio.book.targets import find_target

_MOST_LINES = 20_000
_KEPT = 1_000_000  # characters of an outline that is remembered as read
_MOST_LISTS = 20
_FILE_NUMBER = re.compile(rf"第\s?([\d{CHINESE}]+)\s?[章回]|(\d{{1,4}})")


class _Found(msgspec.Struct):
    at: int
    chapter: Chapter
    rank: int  # of two that name the same chapter, the lower one's words go first


def chapters(outline: str) -> list[Chapter]:
    """The chapters an outline names, in order, each number once.

    It is read anew when it has changed only: it is asked for at every tool call, and thirty pages take 10 ms.
    """
    return list(_read_once(outline) if len(outline) <= _KEPT else _read_whole(outline))


def _read_whole(outline: str) -> list[Chapter]:
    lines = list(islice(lines_of(outline), _MOST_LINES))
    marks = {at: mark for at, line in enumerate(lines) if (mark := chapter_mark(line)) is not None}
    sure = {at for at, mark in marks.items() if mark.is_sure}
    # A prologue alone makes no list of chapters: the numbered lines beside it do.
    counted = any(marks[at].number is not None for at in sure)
    if not counted:
        bare = _best_run(lines, {at: mark for at, mark in marks.items() if mark.is_bare})
        if [mark.number for mark in bare.values()][:2] == [1, 2]:
            sure, counted = sure | set(bare), True
    heads = {at for at in sure if lines[at].level}
    under = _under_a_heading(lines, marks, sure if counted else set())
    chosen: dict[int, Mark] = {at: marks[at] for at in sure} | {at: marks.get(at) or mark for at, mark in under.items()}
    rows = list(rows_of(lines))
    numbered = {at: mark for at, mark in marks.items() if not (mark.is_sure or mark.is_bare)}
    if counted:
        chosen |= _before_the_first(lines, numbered, {at: marks[at] for at in sure})
    elif not (under or rows):
        chosen |= _best_run(lines, {at: mark for at, mark in numbered.items() if lines[at].level}) or _best_run(
            lines, numbered
        )
        rows = bare_rows_of(lines) if not any(mark.number is not None for mark in chosen.values()) else []
    renumbered = _through_parts(lines, {at: mark for at, mark in chosen.items() if at in heads})
    found = [
        _Found(at, _read(lines, at, renumbered.get(at, mark), chosen), 0 if at in heads else 2)
        for at, mark in chosen.items()
    ]
    found += [
        _Found(
            row.at,
            Chapter(
                number=row.mark.number,
                title=row.title,
                target=row.target,
                status=row.status,
                cause=row.cause,
                file=row.file,
                line=row.at,
            ),
            1,
        )
        for row in rows
    ]
    return _merged(found)


_read_once = lru_cache(maxsize=4)(_read_whole)


def _before_the_first(
    lines: Sequence[Line], numbered: Mapping[int, Mark], sure: Mapping[int, Mark]
) -> Mapping[int, Mark]:
    """Numbered lines that lead up to the first "Chapter 3": the author wrote the first two more shortly."""
    first = min(at for at, mark in sure.items() if mark.number is not None)
    run = _best_run(lines, {at: mark for at, mark in numbered.items() if at < first})
    numbers = [mark.number for mark in run.values()]
    return run if numbers and numbers == list(range(1, sure[first].number or 0)) else {}


def _under_a_heading(lines: Sequence[Line], marks: Mapping[int, Mark], sure: Collection[int]) -> dict[int, Mark]:
    """What stands under "Chapters": the numbered headings or lines there, else headings or items in their order."""
    found: dict[int, Mark] = {}
    for start in [at for at, line in enumerate(lines) if at not in sure and names_chapters(line)][:_MOST_LISTS]:
        end = _section_end(lines, start)
        if any(at in sure for at in range(start + 1, end)):
            continue
        inside = {
            at: marks[at]
            for at in range(start + 1, end)
            if at in marks and not marks[at].is_sure and not marks[at].is_bare
        }
        run = _best_run(lines, {at: mark for at, mark in inside.items() if lines[at].level}) or _best_run(lines, inside)
        found |= run or _unnumbered(lines, range(start + 1, end))
    return found


def _section_end(lines: Sequence[Line], start: int) -> int:
    level = lines[start].level or 7
    return next((at for at in range(start + 1, len(lines)) if 0 < lines[at].level <= level), len(lines))


def _unnumbered(lines: Sequence[Line], section: Iterable[int]) -> dict[int, Mark]:
    """Titles without numbers: the highest headings of a section, else the outermost items of its list."""
    places = list(section)
    levels = [lines[at].level for at in places if lines[at].level]
    if levels:
        chosen = [at for at in places if lines[at].level == min(levels)]
    else:
        items = [at for at in places if lines[at].is_item]
        least = min((lines[at].indent for at in items), default=0)
        chosen = [at for at in items if lines[at].indent == least]
    named = [at for at in chosen if any(sign.isalnum() for sign in lines[at].text)]
    return {at: Mark(number, lines[at].text, False) for number, at in enumerate(named, 1)} if len(named) > 1 else {}


def _best_run(lines: Sequence[Line], numbered: Mapping[int, Mark]) -> dict[int, Mark]:
    """Of numbered lines the longest run that counts up by one, on one level; scenes within a chapter are another."""
    best: dict[int, Mark] = {}
    for depth in sorted({(lines[at].level, lines[at].indent) for at in numbered}):
        run: dict[int, Mark] = {}
        last = 0
        for at, mark in numbered.items():
            if (lines[at].level, lines[at].indent) != depth:
                continue
            if mark.number != last + 1 or not run:
                run = {}
            run[at] = mark
            last = mark.number or 0
            if len(run) > len(best):
                best = dict(run)
    return best


def _through_parts(lines: Sequence[Line], heads: Mapping[int, Mark]) -> dict[int, Mark]:
    """Chapters that each part of a book counts from one again, counted through."""
    parts = [at for at, line in enumerate(lines) if line.level and PART.match(line.text)]
    found: dict[int, Mark] = {}
    offset = last = in_part = 0
    for at, mark in sorted(heads.items()):
        if mark.number is None:
            continue
        part = bisect(parts, at)
        if mark.number == 1 and last and part > in_part > 0:
            offset = last
        in_part, last = part, mark.number + offset
        found[at] = msgspec.structs.replace(mark, number=last)
    return found


def _read(lines: Sequence[Line], at: int, mark: Mark, chosen: Mapping[int, Mark]) -> Chapter:
    line = lines[at]
    below = [lines[one].text for one in _block(lines, at, chosen)]
    whole = "\n".join(below)
    return Chapter(
        number=mark.number,
        title=title_of(mark.rest, is_heading=line.level > 0),
        target=find_target(line.text[:2_000]) or find_target(whole),
        status=stated_status(line, whole),
        cause=stated_cause(line, below),
        file=mark.file,
        line=at,
        text="\n".join(lines[one].raw for one in _block(lines, at, chosen)).strip("\n"),
    )


def _block(lines: Sequence[Line], at: int, chosen: Mapping[int, Mark]) -> Iterator[int]:
    """The lines that belong to a chapter: to the next one, or to a heading of its rank; of an item, the indented."""
    first = lines[at]
    blank = False
    for one in range(at + 1, min(len(lines), at + 400)):
        line = lines[one]
        if one in chosen or (line.level and (not first.level or line.level <= first.level)):
            return
        if not first.level and blank and line.text and line.indent <= first.indent and not line.is_item:
            return
        blank = not line.text
        yield one


def _merged(found: list[_Found]) -> list[Chapter]:
    """Each chapter once: what one place leaves out another may say."""
    places: dict[object, tuple[int, int, int]] = {}
    merged: dict[object, Chapter] = {}
    last = 0
    keys: list[tuple[object, _Found]] = []
    for one in sorted(found, key=lambda one: one.at):
        chapter = one.chapter
        key: object = chapter.number if chapter.number is not None else chapter.title.casefold()
        if chapter.number is not None:
            last = chapter.number
            place = (last, 0, one.at)
        else:
            place = (-1 if OPENS.match(chapter.title) else last, 1, one.at)
        places.setdefault(key, place)
        keys.append((key, one))
    for key, one in sorted(keys, key=lambda item: item[1].rank):
        known = merged.get(key)
        merged[key] = one.chapter if known is None else _filled(known, one.chapter)
    return [merged[key] for key in sorted(merged, key=lambda key: places[key])]


def _filled(known: Chapter, other: Chapter) -> Chapter:
    fields = ("title", "target", "status", "cause", "file", "text")
    blanks = {name: getattr(other, name) for name in fields if not getattr(known, name)}
    return msgspec.structs.replace(known, **blanks)


def place_of(outline: str, chapter: Chapter) -> int:
    """Where in the text of an outline the line of one of its chapters begins, in characters."""
    line = next(islice(lines_of(outline), chapter.line, None), None)
    if line is None:
        return 0
    return next((at.start() for at in re.finditer(rf"(?m)^{re.escape(line.raw)}$", outline)), 0)


# --- the outline and the disk -------------------------------------------------------------------------------------


def number_of(file: str) -> int | None:
    """The number in a chapter file's name, or None."""
    match = _FILE_NUMBER.search(file)
    return numeral(match[1] or match[2]) if match else None


def chapter_of(plan: Sequence[Chapter], file: str, text: str = "") -> Chapter | None:
    """Which chapter of the plan a file holds: by its name, by the number in it, by its title.

    Args:
        text: of the file; its heading is looked at where the name says nothing.
    """
    stem = file.removesuffix(".md")
    heading = next((line.lstrip("# ").strip() for line in text[:4_000].splitlines() if line.startswith("# ")), "")
    titles = {_bare(stem), _bare(heading)} - {""}
    number = number_of(file)
    return (
        next((one for one in plan if one.file and one.file.casefold() == file.casefold()), None)
        or next((one for one in plan if number is not None and one.number == number and not one.file), None)
        or next((one for one in plan if _bare(one.title) in titles), None)
    )


def _bare(title: str) -> str:
    return re.sub(r"[\W_]+", " ", title).strip().casefold()


def board(
    plan: Sequence[Chapter], words: Mapping[str, int], reviewed: Collection[str] = (), texts: Mapping[str, str] = {}
) -> list[Entry]:
    """Every chapter that is planned, then those that are on disk alone, with the status that plan and disk give it.

    A chapter without a file is planned, whatever the outline says of it; one with words is at least drafted.

    Args:
        words: of each chapter file, in reading order.
        reviewed: the files that were read by the rubric.
        texts: of chapter files, for those whose names say nothing.
    """
    held: dict[int, str] = {}
    alone: list[str] = []
    for file in words:
        chapter = chapter_of(plan, file, texts.get(file, ""))
        place = next((at for at, one in enumerate(plan) if one is chapter), -1)
        if chapter is None or place in held:
            alone.append(file)
        else:
            held[place] = file
    entries = [_entry(chapter, held.get(at, ""), words, reviewed) for at, chapter in enumerate(plan)]
    return entries + [_entry(Chapter(number=number_of(file)), file, words, reviewed) for file in alone]


def _entry(chapter: Chapter, file: str, words: Mapping[str, int], reviewed: Collection[str]) -> Entry:
    count = words.get(file, 0) if file else 0
    reached = [PLANNED]
    if count:
        reached += [DRAFTED, chapter.status or DRAFTED, REVIEWED if file in reviewed else DRAFTED]
    return Entry(chapter=chapter, file=file, words=count, status=max(reached, key=STATUSES.index))

"""Chapters that an outline lists in a table. Pure; never raises."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from studio.book.numerals import numeral
from studio.book.outline_lines import Line, Mark, chapter_mark, status_of, title_of
from studio.book.plan import Target
from studio.book.targets import plain_target

_COLUMNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(words, re.IGNORECASE))
    for name, words in (
        (
            "number",
            r"#|no\.?|nr\.?|n°|num(?:ber)?|ch(?:apter|ap|pt)?\.?(?: (?:no\.?|number|#))?|kapitel"
            r"|chapitre|cap[ií]tulo|章|章节|章節|序号|序號|回",
        ),
        ("title", r"(?:(?:chapter|working) )?(?:title|name)|titel|titre|título|titolo|标题|標題|章名|题目|名称"),
        (
            "target",
            r".*(?:target|words?|word[ -]?count|length|goal|wörter|umfang|mots|palabras|字数|字數|目标|目標|篇幅).*",
        ),
        ("status", r"(?:status|state|progress|done|statut|estado|stand|状态|狀態|进度)\??"),
        ("cause", r".*(?:leads?|causes?|because|consequence|therefore|hook|why|next|导致|導致|因果|因此|引出).*"),
        ("file", r"files?(?:name)?|datei|fichier|文件"),
    )
)


class Row(msgspec.Struct, frozen=True):
    """One chapter of a table."""

    at: int  # the line, from 0
    mark: Mark
    title: str
    target: Target | None
    status: str
    cause: str
    file: str


def rows_of(lines: Sequence[Line]) -> Iterator[Row]:
    """The rows of every table whose first column numbers chapters."""
    columns: dict[str, int] = {}
    for at, line in enumerate(lines):
        cells = _cells(line.raw)
        if len(cells) < 2:
            columns = {}
        elif at + 1 < len(lines) and _is_rule(lines[at + 1].raw):
            columns = _columns(cells)
        elif columns and not _is_rule(line.raw) and (row := _row(at, cells, columns)) is not None:
            yield row


def bare_rows_of(lines: Sequence[Line]) -> list[Row]:
    """The longest table without a heading of its own whose rows count up from one: number, title, and what else."""
    runs: list[list[Row]] = [[]]
    for at, line in enumerate(lines):
        cells = _cells(line.raw)
        if len(cells) > 1 and _is_rule(line.raw):
            continue
        row = _bare_row(at, cells) if len(cells) > 1 else None
        if row is None or row.mark.number != len(runs[-1]) + 1:
            runs.append([])
        if row is not None and row.mark.number == len(runs[-1]) + 1:
            runs[-1].append(row)
    best = max(runs, key=len)
    return best if len(best) > 1 else []


def _bare_row(at: int, cells: list[str]) -> Row | None:
    row = _row(at, cells, {"number": 0, "title": 1})
    rest = [cell[:200] for cell in cells[2:]]
    if row is None:
        return None
    return msgspec.structs.replace(
        row,
        target=next((target for cell in rest if (target := plain_target(cell))), None),
        status=next((status for cell in rest if (status := status_of(cell))), ""),
    )


def _is_rule(raw: str) -> bool:
    return "-" in raw and "|" in raw and set(raw.strip()) <= set("|:- \t")


def _cells(raw: str) -> list[str]:
    body = raw.strip()
    if "|" not in body:
        return []
    return [
        cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", body.removeprefix("|").removesuffix("|"))
    ]


def _columns(cells: list[str]) -> dict[str, int]:
    """Which column holds what; empty when the table is not one of chapters."""
    found: dict[str, int] = {}
    for at, cell in enumerate(cells):
        name = next((name for name, words in _COLUMNS if words.fullmatch(cell.strip("*_` ")[:60])), "")
        if name and name not in found:
            found[name] = at
    return found if found.get("number") == 0 and len(found) > 1 else {}


def _row(at: int, cells: list[str], columns: dict[str, int]) -> Row | None:
    def cell(name: str) -> str:
        place = columns.get(name, -1)
        return cells[place][:2_000] if 0 <= place < len(cells) else ""

    first = cell("number").strip("*_` ")
    number = numeral(first.rstrip("."))
    if number is not None:
        mark: Mark | None = Mark(number, "", True)
    else:
        mark = chapter_mark(Line(first, 0, 1, False, "", first))
    if mark is None:
        return None
    title = title_of(cell("title"), is_heading=True) or title_of(mark.rest, is_heading=True)
    return Row(
        at=at,
        mark=mark,
        title=title,
        target=plain_target(cell("target")),
        status=status_of(cell("status")),
        cause=re.sub(r"^(?:→|->|=>)\s*", "", cell("cause")).strip(" *_`—–-"),
        file=re.sub(r"^[`*\[]+|[`*\]]+$", "", cell("file")) or mark.file,
    )

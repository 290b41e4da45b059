"""How a page of Markdown is set for reading: headings, items, labels and emphasis. Pure; every text is untrusted."""

import re
from itertools import pairwise

from rich.cells import cell_len
from textual.content import Content

from studio.tui.fit import one_line, pad, shown
from studio.tui.wrapped import row_starts

Part = tuple[str, str] | str

_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_SECTION = re.compile(r"##\s+(.*)")
_ITEM = re.compile(r"(\s{0,12})[-*+•]\s+(.*)")
_LABEL = re.compile(r"(?:\*\*|__)?([^\W_][^:：*_|.!?\n]{0,28})(?:\*\*|__)?\s?[:：](?:\*\*|__)?(?=\s|$)\s*")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.{1,300}?)(?<=\S)\1")  # bounded: marks without an end are searched for once each
_LEAST = 8  # cells that a page is set in, however narrow its place is
_FEW = 200  # sections that are set apart; more are one text


def sections_of(text: str) -> tuple[str, list[tuple[str, str]]]:
    """(what stands before the first `## Name`, each such section as its name and its text)."""
    before: list[str] = []
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if match := _SECTION.fullmatch(line.rstrip()):
            found.append((match[1].strip("# *_"), []))
        elif found:
            found[-1][1].append(line)
        else:
            before.append(line)
    if len(found) > _FEW:
        return text, []
    return "\n".join(before).strip(), [(name, "\n".join(lines).strip()) for name, lines in found]


def told_page(text: str, width: int) -> Content:
    """The page, its marks turned into looks and its lines broken at `width` cells; what is no mark stands as it is."""
    width = max(_LEAST, width)
    rows: list[Content] = []
    table: list[str] = []
    for line in [*shown(text).strip("\n").split("\n"), ""]:
        if line.lstrip()[:1] == "|":
            table.append(line)
            continue
        rows += _table(table, width)
        table = []
        if line.strip():
            rows += _broken(Content.assemble(*_line(line)), width, _hang(line, width))
        elif rows and rows[-1].plain:
            rows.append(Content(""))
    return Content("\n").join(rows[:-1] if rows and not rows[-1].plain else rows)


def _table(lines: list[str], width: int) -> list[Content]:
    """A table in columns, its first row as a heading; as it stands where there is no room for that."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if set(line) - set("|:- ")]
    most = max(map(len, cells), default=0)
    wide = [max(cell_len(row[at]) if at < len(row) else 0 for row in cells) for at in range(most)]
    if sum(wide) + 3 * most > width:
        return [row for line in lines for row in _broken(Content.assemble((line, "")), width, 0)]
    looks = ["$text-muted", *[""] * len(cells)]
    return [
        Content.assemble(*((f"{pad(cell, wide[at])}   ", look) for at, cell in enumerate(row)))
        for row, look in zip(cells, looks, strict=False)
    ]


def _hang(line: str, width: int) -> int:
    item = _ITEM.fullmatch(line)
    return min(len(item[1]) + 2, width // 2) if item else 0


def _broken(line: Content, width: int, hang: int) -> list[Content]:
    starts = [*row_starts(line.plain, width, hang=hang), len(line.plain)]
    rows = [line[first:last].rstrip() for first, last in pairwise(starts)]
    return [row if number == 0 else Content(" " * hang) + row for number, row in enumerate(rows)]


def _line(line: str) -> list[Part]:
    if heading := _HEADING.fullmatch(line.strip()):
        look = "bold $primary" if len(heading[1]) < 3 else "bold $accent"
        return [(heading[2].strip("# "), look)]
    if item := _ITEM.fullmatch(line):
        return [item[1], ("• ", "$border"), *_labelled(item[2])]
    return _labelled(line)


def _labelled(line: str) -> list[Part]:
    if (label := _LABEL.match(line)) and len(label[1].split()) <= 4:
        return [(f"{label[1].strip()}  ", "$accent"), *_emphasised(line[label.end() :])]
    return _emphasised(line)


def _emphasised(line: str) -> list[Part]:
    parts: list[Part] = []
    at = 0
    for match in _STRONG.finditer(line):
        parts += [line[at : match.start()], (match[2], "bold")]
        at = match.end()
    return [*parts, line[at:]]


def title_of_sheet(name: str) -> str:
    """`bible/timeline.md` as a title: `Timeline`."""
    stem = one_line(name.rpartition("/")[2].removesuffix(".md")).replace("_", " ").strip()
    return stem[:1].upper() + stem[1:]

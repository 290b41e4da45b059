"""How a page of Markdown is set for reading: headings, items, labels and emphasis. Pure; every text is untrusted."""

import re

from textual.content import Content

from studio.tui.fit import one_line, shown

Part = tuple[str, str] | str

_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_SECTION = re.compile(r"##\s+(.*)")
_ITEM = re.compile(r"(\s{0,12})[-*+•]\s+(.*)")
_LABEL = re.compile(r"(?:\*\*|__)?([^\W\d_][^:：*_|.!?\n]{0,28})(?:\*\*|__)?\s?[:：](?:\*\*|__)?(?=\s|$)\s*")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
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


def told_page(text: str) -> Content:
    """The page, its marks turned into looks; what is no mark stands as it is."""
    parts: list[Part] = []
    blank = True
    for line in shown(text).split("\n"):
        if not line.strip():
            parts += [] if blank else ["\n"]
            blank = True
            continue
        blank = False
        parts += [*_line(line), "\n"]
    return Content.assemble(*parts[:-1])


def _line(line: str) -> list[Part]:
    if heading := _HEADING.fullmatch(line.strip()):
        look = "bold $primary" if len(heading[1]) < 3 else "bold $accent"
        return [(heading[2].strip("# "), look)]
    if item := _ITEM.fullmatch(line):
        return [item[1], ("• ", "$border"), *_labelled(item[2])]
    if line.lstrip()[:1] == "|":
        return [(line, "$text-muted" if set(line) <= set("|:- ") else "")]
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

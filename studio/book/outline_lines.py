"""One line of an outline at a time: whether it names a chapter, and what it says of it. Pure; never raises."""

import re
from collections.abc import Iterator

import msgspec

from studio.book.numerals import CHINESE, NUMERAL, numeral
from studio.book.plan import DRAFTED, FINISHED, PLANNED, REVIEWED
from studio.book.targets import without_target
from studio.book.words import split_front_matter

_LONGEST = 600  # characters of a line that are looked at for marks: beyond them stands prose
_LINE = re.compile(r"(?P<hashes>#{1,6}(?=\s))?(?P<bullet>[-*+•·](?=\s))?\s*(?:\[(?P<tick>[ xX✓✔])\]\s+)?(?P<rest>.*)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_QUOTED = re.compile(r"(?:>\s?)+")

_OPEN = r"[*_~`\"“«\[(《]{0,4}\s?"
_CHAPTER = (
    r"(?:chapter|chapt?\.?|ch\.?|kapitel|kap\.?|chapitre|cap[ií]tulo|cap\.?|capitolo|hoofdstuk|глава|rozdział|luku"
    r"|kapittel)"
)
_MARKED = re.compile(rf"{_OPEN}{_CHAPTER}\s{{0,2}}#?(?P<number>{NUMERAL})(?![^\W_])(?P<rest>.*)", re.IGNORECASE)
_MARKED_CHINESE = re.compile(rf"{_OPEN}第\s?(?P<number>[\d{CHINESE}]{{1,9}})\s?[章回话話节節](?P<rest>.*)")
_FILE = re.compile(
    r"\W{0,4}(?P<file>(?:chapter|ch|kapitel|chapitre)[_ -]?0*(?P<number>\d{1,4})[^\s/]{0,60}?\.md)\b(?P<rest>.*)", re.I
)
_NUMBERED = re.compile(rf"{_OPEN}#?(?P<number>\d{{1,3}}|[IVXLC]{{1,7}})\s?[.)）:：、．–—-](?!\d)(?P<rest>.*)")
_NAMED = re.compile(
    rf"{_OPEN}(?P<rest>(?:prologue|epilogue|interlude|prolog|epilog|prólogo|epílogo|interludio|coda|序章|楔子|尾声|尾聲|终章)"
    r"(?![^\W_]).*)",
    re.IGNORECASE,
)
OPENS = re.compile(r"(?:prolog|prólogo|序章|楔子)", re.IGNORECASE)
_SEPARATED = re.compile(r"\s*(?:[*_~`\"”»\])》]{0,4}\s*(?:[:：.、|(（\[–—→-]|$)|[*_]{2})")
_SEPARATED_CHINESE = re.compile(rf"{_SEPARATED.pattern}|\s+[^。，,]{{1,40}}$")
_BARE = re.compile(r"\s[^.!?;。！？]{1,80}")
PART = re.compile(
    rf"\W*(?:(?:part|act|book|volume|teil|partie|parte|tome)\s+{NUMERAL}(?![^\W_])|第\s?[\d{CHINESE}]+\s?[部卷篇幕])",
    re.I,
)
_CHAPTERS = re.compile(
    r"(?<![^\W_])(?:chapters?|kapitel\w*|chapitres|cap[ií]tulos|capitoli)(?![^\W_])"
    r"|章节|章節|章|目录|目錄|回目",
    re.IGNORECASE,
)

_EDGES = " \t*_~`#|:：;,.、–—→=>-"
_BRACKETS = re.compile(r"[\[(（【]([^\[\]()（）【】]{0,60})[\])）】]")

_STATUS_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (status, re.compile(rf"(?<![^\W_])(?:{latin})(?![^\W_])|{chinese}", re.IGNORECASE))
    for status, latin, chinese in (
        (
            PLANNED,
            r"(?:not|un)[ -]?(?:yet )?(?:started|written|begun|drafted)|to[ -]?do|to be (?:written|drafted)|planned"
            r"|planning|plan|pending|outlined?|geplant|offen|prévu|planificado|pendiente",
            r"未写|未開始|未开始|未动笔|待写|计划|計劃",
        ),
        (
            DRAFTED,
            r"(?:not|un)[ -]?(?:yet )?(?:finished|done|final|complete|reviewed|revised)|incomplete"
            r"|(?:needs?|to|for|to be|awaiting|under|in) (?:be )?(?:review|revision|reviewed|revised)|in progress|wip"
            r"|draft(?:ed)?|written|writing|entwurf|brouillon|borrador",
            r"未完成?|初稿|草稿|已写|写作中|进行中",
        ),
        (
            REVIEWED,
            r"review(?:ed)?|revis(?:ed|ing|ion)|edited|überarbeitet|relu|révisé|revisado",
            r"审阅|已审|修订|已改|修改",
        ),
        (
            FINISHED,
            r"finish(?:ed)?|done|completed?|final|ready|fertig|terminée?|fini|terminado|acabado",
            r"已?完成|定稿|✅|☑|✔|✓",
        ),
    )
)
_STATUS_LABEL = re.compile(
    r"(?<![^\W_])(?:status|state|progress|statut|état|estado|stand|状态|狀態|进度)"
    r"[*_`\s]{0,4}[:：=][*_`\s\[(]{0,4}(?P<value>[^|;,.\n)\]]{1,40})",
    re.IGNORECASE,
)
_TAIL = re.compile(r"\s(?:[–—|;-]|--)\s*([^\s][^–—|;:]{0,30})$")

_LEADS = re.compile(
    r"(?<![^\W_])(?:(?:causes?(?: of| that leads to)?|hook|consequence|leads? (?:in)?to|why|because|therefore|hence|so)"
    rf"(?: the)?(?: next)?(?: (?:chapter|ch\.?)(?: {NUMERAL})?)?"
    r"|führt zu|mène à|lleva a|导致|導致|因此|所以|于是|於是|引出|起因|因果)"
    r"[*_`\s]{0,4}(?:[:：]|→|->)\s*(?P<cause>[^|\n]+)",
    re.IGNORECASE,
)
_ARROW = re.compile(r"(?:→|⇒|->|=>|➜|➡)\s*(?P<cause>[^|\n→⇒]*[^\W_][^|\n→⇒]*)")
_SO = re.compile(r"\W{0,4}(?P<cause>(?:therefore|because of (?:this|that)|因此|所以)[^|\n]+)", re.IGNORECASE)


class Line(msgspec.Struct, frozen=True):
    """A line without the marks of Markdown in front of its words."""

    text: str
    indent: int  # columns before the first sign
    level: int  # of the heading, 1-6; 0 = none
    is_item: bool  # of a list
    tick: str  # of a task: "x", " ", or "" where there is no box
    raw: str


class Mark(msgspec.Struct, frozen=True):
    """A line that names a chapter."""

    number: int | None  # None: a prologue, an epilogue
    rest: str  # the line after the number
    is_sure: bool  # it says that it is a chapter; else it is a numbered line, or `is_bare`
    file: str = ""
    is_bare: bool = False  # "Chapter 3 Landfall": a title, or the beginning of a sentence


def lines_of(outline: str) -> Iterator[Line]:
    """Every line of an outline, comments and front matter left out."""
    text = _COMMENT.sub("", split_front_matter(outline)[1])
    for raw in text.splitlines():
        wide = raw.expandtabs(4)
        if wide.lstrip(" ")[:1] == ">":
            wide = _QUOTED.sub("", wide.lstrip(" "), count=1)
        body = wide.strip(" ")
        indent = len(wide) - len(wide.lstrip(" "))
        match = _LINE.fullmatch(body)
        if match is None:  # a separator of Unicode within
            yield Line(body, indent, 0, False, "", raw)
            continue
        rest = match["rest"].strip()
        level = len(match["hashes"] or "")
        if level:
            rest = rest.rstrip("#").rstrip()
        yield Line(rest, indent, level, match["bullet"] is not None, match["tick"] or "", raw)


def chapter_mark(line: Line) -> Mark | None:
    """What chapter a line names, or None."""
    text = line.text[:_LONGEST]
    if match := _FILE.match(text):
        return Mark(int(match["number"]), match["rest"], True, match["file"])
    for pattern, separated in ((_MARKED, _SEPARATED), (_MARKED_CHINESE, _SEPARATED_CHINESE)):
        match = pattern.match(text)
        if match and (number := numeral(match["number"])) is not None:
            # "Chapter 3 shows why" in running text names no chapter; a heading does.
            if line.level or separated.match(match["rest"]):
                return Mark(number, match["rest"], True)
            if _BARE.fullmatch(match["rest"]):
                return Mark(number, match["rest"], False, is_bare=True)
    if (match := _NAMED.match(text)) and (line.level or line.is_item or text[:2] == "**"):
        return Mark(None, match["rest"], True)
    if (match := _NUMBERED.match(text)) and (number := numeral(match["number"])) is not None:
        return Mark(number, match["rest"], False)
    return None


def names_chapters(line: Line) -> bool:
    """Whether a line is a heading over the list of chapters."""
    text = line.text
    if len(text) > 80 or not (line.level or text[:2] == "**" or text.rstrip("*_ ")[-1:] in (":", "：")):
        return False
    if numbered := _NUMBERED.match(text):  # "3. Chapters" is one, "3. The Chapter of Sighs" is none
        return _CHAPTERS.match(numbered["rest"].strip()) is not None
    return _CHAPTERS.search(text) is not None


def title_of(rest: str, *, is_heading: bool) -> str:
    """The title in what follows a chapter's number, without its target, its status and, in a list, its summary."""
    text = rest[:_LONGEST].strip()
    text = _BRACKETS.sub(lambda found: "" if _says_only(found[1]) else found[0], text)
    if label := _STATUS_LABEL.search(text):
        text = text[: label.start()]
    if cause := _LEADS.search(text) or _ARROW.search(text):
        text = text[: cause.start()]
    text = without_target(text)
    while (tail := _TAIL.search(text)) and (_says_only(tail[1]) or not tail[1].strip(_EDGES)):
        text = text[: tail.start()]
    text = text.strip(_EDGES)
    if bold := re.match(r"[*_]{0,2}([^*_]{1,100}?)[*_]{2}(?=\s*[:：–—(.-]|\s*$)", text) if not is_heading else None:
        text = bold[1]
    elif not is_heading:
        text = re.split(r"\s[–—-]{1,2}\s|[:：|]\s|\s?——\s?|(?<=[a-z\d][a-z\d])\.\s", text, maxsplit=1)[0]
    text = text.strip(_EDGES)
    for opening, closing in ("“”", '""', "«»", "《》", "「」", "()", "[]"):
        if len(text) > 2 and text[0] == opening and text[-1] == closing and opening not in text[1:-1]:
            text = text[1:-1].strip(_EDGES)
    return text if len(text) <= 120 else text[:120].rsplit(" ", 1)[0]


def _says_only(text: str) -> bool:
    """Whether a bracket or a last clause tells of target and status alone."""
    left = without_target(text)
    if left != text and len(left.strip(_EDGES)) <= 12:
        return True
    bare = text.strip(_EDGES)
    return bool(bare) and any(pattern.fullmatch(bare) for _, pattern in _STATUS_WORDS)


def status_of(text: str) -> str:
    """The status that a few words stand for; "" for none."""
    return next((status for status, pattern in _STATUS_WORDS if pattern.search(text)), "")


def stated_status(headline: Line, below: str) -> str:
    """What a chapter's lines say of its status; "" when they say nothing."""
    text = headline.text[:_LONGEST]
    for labelled in (text, below):
        if (label := _STATUS_LABEL.search(labelled)) and (found := status_of(label["value"])):
            return found
    for bracket in _BRACKETS.finditer(text):
        for piece in re.split(r"[,;·|/，；]", bracket[1]):
            if _says_only(piece) and (found := status_of(piece)):
                return found
    if (tail := _TAIL.search(text)) and _says_only(tail[1]) and (found := status_of(tail[1])):
        return found
    if re.search(r"[✅☑✔]", text) or headline.tick in ("x", "X", "✓", "✔"):
        return FINISHED
    return PLANNED if headline.tick == " " else ""


def stated_cause(headline: Line, below: list[str]) -> str:
    """Why the next chapter follows from this one, as the chapter's lines say it; "" when they don't."""
    lines = [headline.text, *below]
    for pattern in (_LEADS, _ARROW):
        for line in lines:
            if match := pattern.search(line[: 4 * _LONGEST]):
                return match["cause"].strip(" *_`")
    return next((match["cause"].strip(" *_`") for line in below if (match := _SO.match(line[: 4 * _LONGEST]))), "")

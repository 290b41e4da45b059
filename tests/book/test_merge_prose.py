"""Random edits of prose in English and Chinese: apart from each other all survive, and the rest is byte for byte."""

from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.book.merge import merge, sentences

ENGLISH = [
    "The lamp was lit at {n}.",
    "“Go below, number {n}!” he said.",
    "Dr. Moss and Mr. J. Hale counted {n} gulls.",
    "Then… nothing but wave {n}.",
    "It cost 3.50 dollars on day {n}?",
    "(It rained for {n} hours.)",
    "'Not {n},' Mara said, 'not again.'",
    "- a list with {n} items.",
]
CHINESE = ["第{n}盏灯亮了。", "“走吧，{n}号！”", "「第{n}天，海很静。」", "他等了{n}年……", "雨下了{n}个时辰？"]
FRONT = ["", "---\ntitle: Salt\nstatus: draft\n---\n\n", "# The Salt Circus\n\n"]


class Edited(NamedTuple):
    base: str
    author: str
    agent: str
    both: str
    by_author: list[str]


@st.composite
def edited_prose(draw: st.DrawFn, apart: bool = True) -> Edited:
    """A text, what author and agent made of it, and what both together make of it.

    Args:
        apart: no sentence that one changed, and no neighbour of it, was changed by the other.
    """
    chinese = draw(st.booleans())
    stems = CHINESE if chinese else ENGLISH
    count = draw(st.integers(1, 24))
    units: list[str] = []  # sentences with the gaps after them
    for number in range(count):
        gap = draw(st.sampled_from(["\n\n", "\n\n", "", ""] if chinese else ["\n\n", " ", " ", " "]))
        units.append(draw(st.sampled_from(stems)).format(n=1000 + number) + gap)
    units[-1] = units[-1].rstrip() + draw(st.sampled_from(["\n", ""]))
    front = draw(st.sampled_from(FRONT))
    new = {"author": list(units), "agent": list(units)}
    both, by_author = list(units), []
    taken: dict[int, str] = {}
    for _ in range(draw(st.integers(0, 8))):
        at, who = draw(st.integers(0, count - 1)), draw(st.sampled_from(["author", "agent"]))
        if apart and any(taken.get(near, who) != who for near in (at - 1, at, at + 1)):
            continue
        taken[at] = who
        gap = units[at][len(units[at].rstrip()) :]
        fresh = draw(st.sampled_from(stems)).format(n=f"{9 if who == 'author' else 8}{draw(st.integers(100, 999))}")
        kind = draw(st.sampled_from(["replace", "within", "insert"] + (["delete"] if gap in ("", " ") else [])))
        if at == count - 1 and kind in ("insert", "delete"):
            continue
        sentence = units[at].rstrip()
        text = {
            "replace": fresh + gap,
            "within": sentence.replace("1", "7", 1) + gap,
            "insert": fresh + ("" if chinese else " ") + units[at],
            "delete": "",
        }[kind]
        new[who][at] = both[at] = text
    by_author = [one.strip() for at, one in enumerate(new["author"]) if one != units[at] and one.strip()]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    whole = [front + "".join(parts) for parts in (units, new["author"], new["agent"], both)]
    texts = [text.replace("\n", end) for text in whole]
    return Edited(*texts, [one.replace("\n", end) for one in by_author])


@settings(max_examples=500, deadline=None)
@given(edited_prose())
def test_edits_apart_from_each_other_all_survive_and_the_rest_is_byte_for_byte(prose: Edited) -> None:
    merged = merge(prose.base, prose.author, prose.agent)
    assert merged.text == prose.both
    assert merged.conflicts == ()


@settings(max_examples=500, deadline=None)
@given(edited_prose(apart=False))
def test_where_edits_overlap_the_authors_stay(prose: Edited) -> None:
    merged = merge(prose.base, prose.author, prose.agent)
    known = {sentence.strip() for sentence in sentences(prose.base)}
    written = {sentence.strip() for passage in prose.by_author for sentence in sentences(passage)} - known
    assert [sentence for sentence in written if sentence not in merged.text] == []
    if "\r\n" in prose.base:
        assert "\n" not in merged.text.replace("\r\n", "")


LINES = ["## Part {n}", "* * *", "- a list with {n} items", "<!-- lock -->"]


@st.composite
def reshaped_prose(draw: st.DrawFn) -> tuple[str, str, str]:
    """A text of paragraphs, headings and scene breaks, and two texts that each put in, take out, replace and move."""
    chinese = draw(st.booleans())
    stems = CHINESE if chinese else ENGLISH[:6]
    blank = "" if chinese else " "
    number = iter(range(1000, 2000))

    def unit() -> tuple[str, bool]:
        """A sentence or a line, and whether a paragraph ends after it."""
        is_line = draw(st.integers(0, 4)) == 0
        body = draw(st.sampled_from(LINES if is_line else stems)).format(n=next(number))
        return body, is_line or draw(st.booleans())

    def text(units: list[tuple[str, bool]]) -> str:
        parts = []
        for at, (body, ends) in enumerate(units):
            before_line = at + 1 < len(units) and units[at + 1][0][0] in "#*-<"
            parts.append(body + ("\n\n" if ends or before_line else blank))
        return "".join(parts).rstrip() + "\n"

    base = [unit() for _ in range(draw(st.integers(1, 12)))]

    def edited() -> list[tuple[str, bool]]:
        units = list(base)
        for _ in range(draw(st.integers(1, 5))):
            at = draw(st.integers(0, len(units) - 1)) if units else 0
            kind = draw(st.sampled_from(["insert", "replace", "delete", "move", "join"])) if units else "insert"
            if kind == "insert":
                units.insert(at, unit())
            elif kind == "replace":
                units[at] = unit()
            elif kind == "join":
                units[at] = (units[at][0], units[at][0][0] in "#*-<")
            else:
                one = units.pop(at)
                if kind == "move":
                    units.insert(draw(st.integers(0, len(units))), one)
        return units

    return text(base), text(edited()), text(edited())


@settings(max_examples=500, deadline=None)
@given(reshaped_prose())
@example(  # the author moved a sentence in front of the one that the agent took out, right before a scene break
    (
        "第1000盏灯亮了。\n\n## Part 1001\n\n第1002盏灯亮了。\n\n* * *\n",
        "## Part 1008\n\n## Part 1007\n\n第1002盏灯亮了。第1000盏灯亮了。\n\n* * *\n",
        "## Part 1001\n\n第1002盏灯亮了。\n\n* * *\n",
    )
)
def test_no_heading_and_no_scene_break_runs_into_a_paragraph(prose: tuple[str, str, str]) -> None:
    """Neighbours that met in neither text are parted as Markdown needs it: every sentence is one of the three texts."""
    merged = merge(*prose)

    def bodies(text: str) -> set[str]:
        return {one.strip() for one in sentences(text)} - {""}

    base, author, agent, whole = (bodies(text) for text in (*prose, merged.text))
    told = {one for conflict in merged.conflicts for one in bodies(conflict.agent)}
    assert whole - base - author - agent == set()
    assert author - base - whole == set()
    assert agent - base - whole - told == set()

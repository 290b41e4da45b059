"""A critique is read however the model wrote it; a score counts only with a passage that stands in the chapter."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.agent.prompts import rubric
from studio.agent.reviews.critique import Critique, figures, lost, quoted, read_critique, report, stands_in
from studio.agent.reviews.scores import mean

CHAPTER = """# Ebb

The tide went out. “It won't come back,” said Élodie 🌊 — and it did not.

Mara was *thirty-one*, and the lamp was lit. 后来她走了，再也没有回来。
"""
NAMES = list(rubric())
CHANGES = ["Cut the second paragraph.", "Let Mara answer.", "End on the lamp."]

LINES = {
    "as asked": """character: 7 — «It won't come back, said Élodie» — she decides
pacing: 5 — «the lamp was lit» — nothing follows

Changes:
1. Cut the second paragraph.
2. Let Mara answer.
3. End on the lamp.""",
    "bold, of ten, ASCII quotes": """**Character:** 7/10 – "The tide went out." Alive.
**Pacing**: 5/10 – "the lamp was lit"

## The three most useful changes
1. **Cut the second paragraph.**
2) Let Mara answer.
3) End on the lamp.""",
    "headings and quoted lines": """### 1. Character (7/10)
> The tide went out.
She decides.

### 2. Pacing — 5
> the lamp was lit

**Changes**
- Cut the second paragraph.
- Let Mara
  answer.
- End on the lamp.""",
    "a table": """| criterion | score | passage |
|---|---|---|
| character | 7 | “The tide went out.” |
| pacing | 5 | “the lamp was lit” |

Suggested changes:
1. Cut the second paragraph.
2. Let Mara answer.
3. End on the lamp.""",
    "of five, of a hundred": """Character: 3.5/5 — «The tide went out»
Pacing: 50/100 — «the lamp was lit»
Changes:
1. Cut the second paragraph.
2. Let Mara answer.
3. End on the lamp.""",
}
PLAIN: dict[str, Any] = {"score": 7, "quote": "The tide went out."}
JSON = {
    "a mapping": {"character": PLAIN, "pacing": {"score": "5/10", "passage": "the lamp was lit"}, "changes": CHANGES},
    "within scores": {
        "scores": {"Character": PLAIN, "Pacing": "5 — «the lamp was lit»"},
        "top_changes": [{"change": one} for one in CHANGES],
    },
    "a list": {
        "scores": [
            {"criterion": "character", **PLAIN},
            {"name": "Pacing", "rating": 5.0, "evidence": ["nowhere to be found", "the lamp was lit"]},
        ],
        "Suggested changes": "\n".join(f"{n}. {one}" for n, one in enumerate(CHANGES, 1)),
    },
}


@pytest.mark.parametrize(
    "reply",
    [
        *LINES.values(),
        *(json.dumps(value) for value in JSON.values()),
        f"Here it is:\n```json\n{json.dumps(JSON['a list'], indent=1)}\n```\nI hope that helps.",
        json.dumps(JSON["a mapping"])[:-1] + ",}",
    ],
)
def test_a_critique_is_read_in_whatever_form_it_comes(reply: str) -> None:
    found = read_critique(reply, NAMES, CHAPTER)
    assert found.counted == {"character": 7.0, "pacing": 5.0}
    assert [one.strip("*") for one in found.changes] == CHANGES


def test_a_score_without_a_passage_of_the_chapter_does_not_count() -> None:
    reply = """character: 9
setting: 8 — «The moon rose over the harbour.»
stakes: 8 — «the»
pacing: 6 — «The tide went out.»
voice: 31 — «The tide went out.»"""
    found = read_critique(reply, NAMES, CHAPTER)
    assert found.counted == {"pacing": 6.0}
    assert figures(found, NAMES[:5]) == (
        "character unsupported, setting unsupported, stakes unsupported, pacing 6, voice not scored"
    )
    text = report(found, reply, "chapter_01.md", 1)
    assert "- setting: 8 (unsupported: the passage does not stand in the chapter) — «The moon rose over" in text


@pytest.mark.parametrize(
    ("passage", "stands"),
    [
        ("“It won’t come back,” said Élodie", True),
        ("it won't come back — SAID Élodie", True),
        ("Mara was thirty-one", True),
        ("The tide … and it did not", True),
        ("and it did not … The tide went out", False),
        ("他走了，再也没有", False),
        ("她走了，再也没有", True),
        ("tide went", False),  # too little to say where
        ("he tide went out", False),
        ("", False),
    ],
)
def test_a_passage_stands_word_for_word_or_not_at_all(passage: str, stands: bool) -> None:
    assert stands_in(passage, CHAPTER) is stands


def test_rounds_are_compared_by_what_both_scored() -> None:
    before = {"character": 7.0, "setting": 7.0, "pacing": 7.0, "voice": 1.0}
    assert mean(before) == 5.5
    assert lost(before, {"character": 6.0, "setting": 6.5, "pacing": 7.0}) == 0.5
    assert lost(before, {"character": 1.0, "setting": 1.0}) == 0.0  # too little to tell
    assert mean({}) is None


def test_what_can_not_be_read_is_kept_in_the_readers_words() -> None:
    found = read_critique("It reads well.", NAMES, CHAPTER)
    assert found == Critique()
    assert "It reads well." in report(found, "It reads well.", "chapter_01.md", 1)


SCORED = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 20).map(lambda half: half / 2), min_size=1)


@given(SCORED, st.booleans())
def test_every_score_is_read_back(scores: dict[str, float], is_json: bool) -> None:
    passage = "said Élodie 🌊 — and it did not"
    if is_json:
        reply = json.dumps({name: {"score": value, "quote": passage} for name, value in scores.items()})
    else:
        reply = "\n".join(f"{name}: {value:g} — «{passage}» — because 3 of 4" for name, value in scores.items())
    assert read_critique(reply, NAMES, CHAPTER).counted == scores


PIECES = [*NAMES, "pacing: 6", "{", '"pacing":', "}", "[", "Changes:", "1. x", "«", "»", "> ", '"', "/10"]
LINES_OF_ANY = st.lists(st.one_of(st.text(max_size=30), st.sampled_from(PIECES))).map("\n".join)
KEYS = st.sampled_from([*NAMES, "score", "quote", "changes", "scores"])
ANY_JSON = st.recursive(
    st.none() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)
).map(json.dumps)


@given(LINES_OF_ANY | ANY_JSON)
@example('{":CHANGE"0,VOICE:0')
def test_no_answer_is_too_odd(reply: str) -> None:
    found = read_critique(reply, NAMES, CHAPTER)
    assert all(0 <= one.value <= 10 for one in found.scores)
    assert all(stands_in(one.passage, CHAPTER) for one in found.scores if one.stands)
    assert all(found.changes)
    report(found, reply, "x.md", 1)
    quoted(reply)


@pytest.mark.parametrize("piece", ["«", "“a", '"', "pacing: 6 ", "{", "[", '{"pacing":', "1. ", "> ", "changes ", "x"])
def test_an_answer_of_a_megabyte_takes_no_long_time(piece: str) -> None:
    began = time.process_time()
    read_critique("pacing: 6 — " + piece * (1_000_000 // len(piece)), NAMES, CHAPTER * 200)
    assert time.process_time() - began < 5.0

"""What an author's edit changed of the story is found wherever it still stands, and copy-editing is no news."""

import random
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from studio.agent.facts.changed import Edited, Standing, still_standing

EDITS = yaml.safe_load(Path(__file__).with_name("fact_edits.yaml").read_text(encoding="utf-8"))
TONGUES = yaml.safe_load(Path(__file__).with_name("fact_edits_tongues.yaml").read_text(encoding="utf-8"))
BOOKS: dict[str, dict[str, str]] = {**EDITS["books"], **TONGUES["books"]}
CASES: list[dict[str, Any]] = EDITS["made_on"] + EDITS["unseen"]


def found(case: dict[str, Any]) -> list[Standing]:
    book, file = BOOKS[case["book"]], case["file"]
    assert case["old"] in book[file], case["name"]
    after = book[file].replace(case["old"], case["new"])
    texts = [(name, after if name == file else text) for name, text in book.items()]
    return still_standing([Edited(file, book[file], after)], texts)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_edit_is_known_for_what_it_changed(case: dict[str, Any]) -> None:
    expected = {**case.get("found", {}), **case.get("wrong", {})}
    assert {f"{one.old} → {one.new}".rstrip(): one.places for one in found(case)} == expected


def test_nearly_all_that_is_found_is_one_and_nearly_all_is_found() -> None:
    right, wrong, missed = (sum(len(case.get(kind, {})) for case in CASES) for kind in ("found", "wrong", "missed"))
    assert right / (right + wrong) > 0.95
    assert right / (right + missed) > 0.95


def test_five_languages_are_read_nearly_as_well() -> None:
    right = wrong = missed = 0
    for case in TONGUES["edits"]:
        wanted = case.get("found", {})
        got = {f"{one.old} → {one.new}".rstrip(): one.places for one in found(case)}
        same = sum(wanted.get(fact) == places for fact, places in got.items())
        right, wrong, missed = right + same, wrong + len(got) - same, missed + len(wanted) - same
    assert right / (right + wrong) > 0.9
    assert right / (right + missed) > 0.8


@pytest.mark.parametrize("noun", ["Messer", "Haus", "Angst", "Seil", "Sturm", "Keller", "Deich", "Wirt", "Hunger"])
def test_a_german_noun_is_no_name(noun: str) -> None:
    cases = [case for case in TONGUES["edits"] if case["name"] == noun]
    assert [found(case) for case in cases] == [[]]


def standing(before: str, after: str, file: str = "a.md", **others: str) -> dict[str, dict[str, int]]:
    texts = [(file, after), *((f"{name}.md", text) for name, text in others.items())]
    return {f"{one.old} → {one.new}": one.places for one in still_standing([Edited(file, before, after)], texts)}


def test_a_capital_that_only_begins_sentences_is_no_name() -> None:
    assert standing("Slowly it sank.", "Gently it sank.", b="Slowly it rose. Slowly.") == {}


def test_the_edited_sentence_itself_is_no_place() -> None:
    after = "So Luca, whom they once called Luis, rowed. He sang."
    assert standing("So Luis rowed. He sang.", after) == {}


def test_once_the_places_are_mended_nothing_is_said() -> None:
    before, after = "So Luis rowed.", "So Luca rowed."
    assert standing(before, after, b="Then Luis sang.") == {"Luis → Luca": {"b.md": 1}}
    assert standing(before, after, b="Then Luca sang.") == {}


def test_a_name_counts_whichever_way_its_accent_is_written() -> None:
    assert standing("Y José remó.", "Y Juan remó.", b="Y Jose\u0301 cantó.") == {"José → Juan": {"b.md": 1}}


def test_saves_of_several_files_tell_a_renaming_once() -> None:
    edits = [Edited(f"{name}.md", "So Luis rowed.", "So Luca rowed.") for name in "ab"]
    texts = [("a.md", "So Luca rowed."), ("b.md", "So Luca rowed."), ("c.md", "Then Luis sang.")]
    assert [(one.old, one.places) for one in still_standing(edits, texts)] == [("Luis", {"c.md": 1})]


def test_what_a_review_quotes_is_no_place() -> None:
    texts = [("a.md", "So Luca rowed."), ("notes/reviews/a-1.md", "«So Luis rowed» is thin.")]
    assert still_standing([Edited("a.md", "So Luis rowed.", "So Luca rowed.")], texts) == []


PIECES = [
    "Luis",
    "Mara ",
    "’s",
    "-",
    "--",
    "Port Salt",
    " was 31",
    "thirty-one ",
    "hundred ",
    "3 May",
    "1843",
    "²",
    "_",
]
PIECES += [". ", ", ", "\n", "# ", "“", "”", " y ", " de ", "promised", "the", "é", "\u0301", "。"]
PIECES += ["二", "李明", "走", "港", "三十一岁", "五月三日"]
TEXT = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=14).map("".join)


@given(TEXT, TEXT, TEXT)
def test_no_text_is_too_odd_to_be_looked_at(before: str, after: str, other: str) -> None:
    for one in still_standing([Edited("a.md", before, after)], [("a.md", after), ("b.md", other), ("c.md", before)]):
        assert one.count > 0 and one.old and one.old != one.new


def test_a_chapter_written_anew_is_looked_at_in_bounded_time() -> None:
    """The figure itself is on the bench; here a second in a novel stands for the quadratic."""
    chosen = random.Random(7)
    words = ["the", "a", "sea", "boat", "rope", "lamp", "oar", "tide", "wind", "night", "she", "he", "and", "slept"]

    def chapter() -> str:
        return "\n\n".join(
            " ".join(" ".join(chosen.choices(words, k=12)).capitalize() + "." for _ in range(5)) + " Then Luis spoke."
            for _ in range(43)
        )

    book = {f"chapter_{number:02}.md": chapter() for number in range(30)}
    before, after = book["chapter_03.md"], chapter()
    began = time.process_time()
    still_standing([Edited("chapter_03.md", before, after)], [*book.items()])
    assert time.process_time() - began < 10

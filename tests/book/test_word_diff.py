"""The word diff loses nothing, keeps words whole, and reads as one change what a reader sees as one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.book.word_diff import Piece, word_diff, words_changed


def told(before: str, after: str) -> str:
    """As plain text: [-gone-]{+came+}."""
    marks = {"=": ("", ""), "-": ("[-", "-]"), "+": ("{+", "+}")}
    return "".join(marks[kind][0] + text + marks[kind][1] for kind, text in word_diff(before, after))


def assert_lossless(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(text for kind, text in pieces if kind != "+") == before
    assert "".join(text for kind, text in pieces if kind != "-") == after
    assert all(text for _, text in pieces)
    assert all(one.kind != other.kind for one, other in pairwise(pieces))


WESTERN = [
    "Mara",
    "the",
    "tide",
    "sailor's",
    "Dr. ",
    ".",
    "!",
    ",",
    " ",
    " ",
    " ",
    "“",
    "”",
    "é",
    "e\u0301",
    "3,000",
    "--",
]
OTHERS = ["\n", "\n\n", "\r\n", "潮", "が", "引いた。", "\u2028", "🌊", "_"]
texts = st.lists(st.sampled_from(WESTERN + OTHERS), max_size=40).map("".join)


@given(texts, texts)
def test_both_texts_come_back_out_of_the_difference(before: str, after: str) -> None:
    assert_lossless(before, after)


@given(st.text(max_size=60), st.text(max_size=60))
def test_also_of_any_characters_there_are(before: str, after: str) -> None:
    assert_lossless(before, after)


@given(texts)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert word_diff(text, text) == ([Piece("=", text)] if text else [])


@pytest.mark.parametrize(
    ("before", "after", "reads"),
    [
        ("The lamp was lit. It rained.", "The lamp was dark. It rained.", "The lamp was [-lit-]{+dark+}. It rained."),
        ("", "New.", "{+New.+}"),
        ("Gone.", "", "[-Gone.-]"),
        # Words are whole: no "[-cl-]{+b+}oat".
        ("She took her cloat.", "She took her boat.", "She took her [-cloat-]{+boat+}."),
        ("The sailor's hat fell.", "The sailors' hat fell.", "The [-sailor's-]{+sailors'+} hat fell."),
        # A new wording is one change, not five with a lone "the" between them.
        (
            "Yesterday the old man slept at home in his chair.",
            "Tomorrow the young woman sings at sea in his chair.",
            "[-Yesterday the old man slept at home-]{+Tomorrow the young woman sings at sea+} in his chair.",
        ),
        (
            "The lamp was lit. Mara waited.",
            "The lamp was dark. Mira waited. The end.",
            "The lamp was [-lit-]{+dark+}. [-Mara-]{+Mira+} waited.{+ The end.+}",
        ),
        ("潮が引いた。海は静か。", "潮が満ちた。海は静か。", "潮が[-引い-]{+満ち+}た。海は静か。"),
        ("One.\n\nTwo.\n", "One.\n\nNew one here.\n\nTwo.\n", "One.\n\n{+New one here.\n\n+}Two.\n"),
        ("One.\nTwo.\n", "One.\n\nTwo.\n", "One.\n{+\n+}Two.\n"),
    ],
)
def test_it_reads_as_a_person_would_mark_it(before: str, after: str, reads: str) -> None:
    assert told(before, after) == reads
    assert_lossless(before, after)


def test_it_counts_the_words_put_in_and_taken_out() -> None:
    assert words_changed("The lamp was lit. Rain.", "The lamp was dark and cold. Rain.") == (3, 1)
    assert words_changed("", "One two.") == (2, 0)
    assert words_changed("One two.", "One two, three.") == (1, 0)
    assert words_changed("One.\n\nTwo.\n", "Two.\n\nOne.\n") == (0, 0)  # they only changed places
    assert words_changed("Same.", "Same.") == (0, 0)

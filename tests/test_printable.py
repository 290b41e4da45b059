"""The door to the screen: nothing that acts, reorders or hides gets through, and all that writing needs does."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.printable import printable, printable_line, typed

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]
JOINERS = {"\u200c", "\u200d"}
VARIATIONS = {
    *map(chr, range(0x180B, 0x180E)),
    "\u180f",
    *map(chr, range(0xFE00, 0xFE10)),
    *map(chr, range(0xE0100, 0xE01F0)),
}
# Format characters that are seen: Arabic and Syriac signs around numbers, Kaithi, Egyptian quadrats.
SEEN = {
    *map(chr, range(0x0600, 0x0606)),
    *map(chr, [0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD]),
    *map(chr, range(0x13430, 0x13440)),
}


def test_no_control_and_no_format_character_gets_through_but_those_that_writing_needs() -> None:
    passed = {c for c in EVERY if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and printable(c) == c}
    assert passed - SEEN == {"\t", "\n"} | JOINERS
    assert len(passed & SEEN) > 12


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x1160, 0x17B4, 0x2065, 0x3164, 0xFFA0, 0xFFF0, 0xE0041, 0xE0FFF])
def test_letters_and_unassigned_codes_that_show_nothing_are_seen_too(code: int) -> None:
    assert printable(chr(code)) == "\ufffd"


@pytest.mark.parametrize(
    "text",
    [
        "Ein Satz, “mit” Zeichen — und …\tTab\nZeile",
        "می‌خواهم",  # ZWNJ
        "👩‍👩‍👧 🏳️‍🌈 ❤️",  # ZWJ and variation selectors
        "葛󠄀城市",  # a form of a sign, chosen
        "ᠮᠣᠩᠭᠣᠯ ᠤᠨ᠋",
        "e\u0301 ש\u05b8לו\u05b9ם \u00a0\u3000",
    ],
)
def test_what_writing_needs_stays(text: str) -> None:
    assert printable(text) == text


def test_each_kind_becomes_what_can_be_seen() -> None:
    assert printable("\x1b]52;c;x\x07\x7f") == "␛]52;c;x␇␡"
    assert printable("\x9b2J\u202ea\u2066b\u200ec") == "\ufffd2J\ufffda\ufffdb\ufffdc"
    assert printable("a\u200bb\ufeffc\U000e0041d") == "a\ufffdb\ufffdc\ufffdd"
    assert printable("ca\u00adfé") == "ca‐fé"
    assert printable("a\u2028b\u2029c") == "a\nb\nc"


anything = st.text(st.characters() | st.sampled_from("\x1b\x9b\u202e\u200b\ud83d\ude00\u2028[]/@"), max_size=60)


@given(anything, st.integers(0, 60))
def test_every_split_of_a_stream_shows_the_same(text: str, at: int) -> None:
    assert printable(text[:at]) + printable(text[at:]) == printable(text)
    assert printable(printable(text)) == printable(text)


@given(anything)
def test_whatever_is_shown_can_be_encoded(text: str) -> None:
    printable(text).encode("utf-8")
    typed(text).encode("utf-8")


@given(anything)
def test_what_is_pasted_is_as_safe_and_without_what_nobody_sees(text: str) -> None:
    assert printable(typed(text)) == typed(text)
    assert typed("Mi\u00adlan\u200b: \u202b“ab”\u202c\ufeff") == "Milan: “ab”"


@given(anything)
def test_a_line_stays_one_line_and_is_as_safe(text: str) -> None:
    line = printable_line(text)
    assert len(line.splitlines()) <= 1 and printable(line) == line

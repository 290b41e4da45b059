"""Wrapping: what is wrapped piece by piece is what would be wrapped at once, whatever the characters."""

import sys

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from studio.tui.wrapped import _ODD, _WIDE, Anchor, Wrapped, row_starts

# Prose with what makes wrapping hard: wide, combining, joined, curly, long words, runs of blanks.
LETTERS = st.sampled_from("abcxyz   é\u0301海は。“—👩🚀\u200d❤\ufe0f\u00ad")
PIECES = st.lists(st.one_of(st.text(LETTERS, max_size=30), st.just("\n"), st.just("\n\n")), max_size=30)
WIDTHS = st.integers(1, 40)


def all_rows(text: Wrapped) -> list[tuple[str, str]]:
    return [text.row(number)[:2] for number in range(text.rows)]


@given(PIECES, WIDTHS)
@example(["ab", " ", "c"], 2)
@example(["❤", "\ufe0f"], 1)
def test_piece_by_piece_is_wrapped_like_all_at_once(pieces: list[str], width: int) -> None:
    streamed, whole = Wrapped(width), Wrapped(width)
    for piece in pieces:
        streamed.append(piece, "plain")
    whole.append("".join(pieces), "plain")
    assert all_rows(streamed) == all_rows(whole)


@given(PIECES, WIDTHS, WIDTHS)
def test_resizing_is_wrapping_anew(pieces: list[str], before: int, after: int) -> None:
    resized, fresh = Wrapped(before, hanging={"mark"}), Wrapped(after, hanging={"mark"})
    for number, piece in enumerate(pieces):
        for text in (resized, fresh):
            text.append(piece, "mark" if number % 3 else "plain")
    resized.resize(after)
    assert all_rows(resized) == all_rows(fresh)


@given(st.text(LETTERS, max_size=200), st.integers(2, 40))
def test_no_row_is_wider_than_the_pane_and_no_character_is_lost(text: str, width: int) -> None:
    starts = row_starts(text, width)
    rows = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    assert "".join(rows) == text
    assert all(cell_len(row.rstrip(" ")) <= width for row in rows)


@given(st.lists(st.text(st.sampled_from("abcdefg"), min_size=1, max_size=9), min_size=1), st.integers(9, 40))
def test_words_that_fit_are_never_broken(words: list[str], width: int) -> None:
    text = Wrapped(width)
    text.append(" ".join(words))
    assert " ".join(text.row(number).text for number in range(text.rows)).split() == words


def test_the_short_cuts_know_every_characters_width() -> None:
    printable = [chr(code) for code in range(0x20, sys.maxunicode + 1) if not 0x7F <= code < 0xA0]
    assert [c for c in printable if not _ODD.match(c) and get_character_cell_size(c) != 1] == []
    assert [c for c in printable if _WIDE.fullmatch(c) and get_character_cell_size(c) != 2] == []


@given(PIECES, st.text(LETTERS, max_size=30), WIDTHS)
def test_a_passing_line_leaves_nothing_behind(pieces: list[str], passing: str, width: int) -> None:
    with_tail, without = Wrapped(width, sections={"rule"}), Wrapped(width, sections={"rule"})
    for piece in pieces:
        with_tail.tail(passing, "rule")
        for text in (with_tail, without):
            text.append(piece, "plain")
    with_tail.tail(passing, "rule")
    with_tail.drop_tail()
    assert all_rows(with_tail) == all_rows(without)
    assert with_tail.section(-1, 1) is None


@given(PIECES, WIDTHS, WIDTHS, st.data())
def test_a_place_survives_a_resize(pieces: list[str], before: int, after: int, data: st.DataObject) -> None:
    text = Wrapped(before)
    text.append("first " + "".join(pieces))
    place = text.anchor(data.draw(st.integers(0, text.rows - 1)))
    text.resize(after)
    row = text.row_at(place)
    begins = text.anchor(row)
    assert begins.line == place.line
    assert begins.character <= place.character
    following = text.anchor(row + 1)
    assert row == text.rows - 1 or following > place


@given(PIECES, WIDTHS)
def test_what_may_look_different_is_told(pieces: list[str], width: int) -> None:
    text = Wrapped(width)
    for piece in pieces:
        before = all_rows(text)
        text.changed = None
        text.append(piece, "plain")
        after = all_rows(text)
        same = next((n for n, rows in enumerate(zip(before, after, strict=False)) if rows[0] != rows[1]), len(before))
        assert text.changed is not None or before == after
        assert text.changed is None or text.changed <= same


def test_a_search_goes_on_and_round_the_end() -> None:
    text = Wrapped(20)
    for line in ("the salt", "sweet", "SALT again", "end"):
        text.line(line)
    assert [text.find("salt", -1), text.find("salt", 0), text.find("salt", 2)] == [0, 2, 0]
    assert text.find("pepper", -1) is None


def test_a_search_finds_words_in_the_middle_of_a_long_line() -> None:
    text = Wrapped(10)
    text.append("aaaa bbbb cccc dddd needle eeee")
    row = text.find("needle", -1)
    assert row is not None
    assert "needle" in text.row(row).text


def test_copied_rows_of_one_line_are_joined_again() -> None:
    text = Wrapped(10, hanging={"mark"})
    text.line("one two three four", "plain")
    text.line("✓ five six seven", "mark")
    assert text.between((0, 4), (99, 0)) == "two three four\n✓ five six seven"


def test_sections_are_found_in_both_directions() -> None:
    text = Wrapped(20, sections={"rule"})
    for number in (1, 2, 3):
        text.line(f"step {number}", "rule")
        text.line("thought\nthought", "dim")
    assert [text.section(0, 1), text.section(4, 1), text.section(6, 1)] == [3, 6, None]
    assert [text.section(4, -1), text.section(3, -1), text.section(0, -1)] == [3, 0, None]
    assert text.anchor(3) == Anchor(3, 0)
    assert text.row(3).text == "step 2"

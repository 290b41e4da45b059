"""Guided mode's pure parts: what is made of a small model's words."""

from hypothesis import given
from hypothesis import strategies as st

from studio.agent.guided.order import chapter_titles
from studio.agent.guided.words import chapters_asked, trim_list, trim_prose, trim_title


def test_the_number_of_chapters_is_read_from_the_request() -> None:
    assert chapters_asked("A sea story in three chapters") == 3
    assert chapters_asked("A 12-chapter mystery") == 12
    assert chapters_asked("A sea story") is None
    assert chapters_asked("A story of 99 chapters") is None


def test_a_title_is_trimmed_of_what_is_none() -> None:
    assert trim_title('"The Forgotten Coast of the Sea"\nand more') == "The Forgotten Coast of the Sea"
    assert trim_title("Title: **A Sea of Red Shadows**") == "A Sea of Red Shadows"
    assert trim_title("The Great Blue Spice, by a sailor's mate") == "The Great Blue Spice"
    assert trim_title("3) The Long Night.") == "The Long Night"


def test_an_outline_has_as_many_different_chapters_as_asked_for() -> None:
    lines = "1. The Lost City\n2. The Lost City\n3. The Island: A Tale\n4. More\n"
    assert trim_list(lines, 3) == ["The Lost City", "The Island", "More"]
    assert trim_list("", 2) == ["Part 1", "Part 2"]
    # What another one says by more than half, and what is no title, gives way to those that are at hand.
    told = "The Nightingale\nA Nightingale\nThis is a compilation\nThe Night Watch\nPart 4\n"
    assert trim_list(told, 4, ("Low Water", "Salt")) == ["The Nightingale", "The Night Watch", "Low Water", "Salt"]


def test_the_chapters_of_an_outline_are_its_numbered_lines() -> None:
    assert chapter_titles("# Book\n\nIt is 1912.\n\n1. One\n2) Two\n## Chapter 3: Three\n") == ["One", "Two", "Three"]


def test_prose_loses_its_heading_and_its_last_half_sentence() -> None:
    assert trim_prose("# Chapter One\n\nThe sea slept. Mara rowed. She was go") == "The sea slept. Mara rowed.\n"


@given(st.text(), st.integers(1, 12))
def test_whatever_the_model_says_the_list_has_that_many_titles(text: str, count: int) -> None:
    titles = trim_list(text, count)
    assert len(titles) == len({title.casefold() for title in titles}) == count
    assert all("\n" not in title and title.strip() for title in titles)

"""What is planned is told by the one reader of outlines: which chapters are to come, and how long they are to be."""

import pytest

from studio.agent.planned import listed, missing, name_of, wanted, words_asked
from studio.book.outline import chapters
from studio.book.plan import Chapter


def numbers(plan: list[Chapter]) -> list[int | None]:
    return [one.number for one in plan]


def test_the_outline_counts_and_without_a_list_the_author_s_number_stands_in() -> None:
    assert numbers(wanted(chapters("# Salt\n"), 4)) == [1, 2, 3, 4]
    assert numbers(wanted(chapters("1. Ebb\n2. Flow\n"), 4)) == [1, 2]
    assert wanted(chapters(""), None) == []
    assert len(wanted([], 10**9)) == 400


def test_a_chapter_is_written_when_a_file_has_its_number_or_its_name() -> None:
    plan = wanted([], 4)
    assert numbers(missing(plan, ["outline.md", "chapter_01.md", "3-flow.md", "bible/2.md"])) == [2, 4]
    named = chapters("- `opening.md`\n1. Ebb\n2. Flow\n3. `chapter_03.md`: Slack\n")
    assert numbers(missing(named, ["flow.md", "03 slack.md"])) == [1]


def test_as_many_files_as_chapters_are_enough_whatever_they_are_called() -> None:
    assert missing(wanted([], 2), ["outline.md", "ebb.md", "flow.md"]) == []


def test_what_the_author_took_away_is_not_missing() -> None:
    assert numbers(missing(wanted([], 3), ["chapter_01.md"], ["chapter_02.md"])) == [3]


def test_a_prologue_is_missed_as_any_chapter_and_is_no_other_s_place() -> None:
    plan = chapters("## Prologue\n## Chapter 1: Ebb\n## Chapter 2: Flow\n## Epilogue\n")
    lacking = missing(plan, ["prologue.md", "chapter_01.md"])
    assert (listed(lacking), [name_of(one) for one in lacking]) == ("2, “Epilogue”", ["chapter 2", "“Epilogue”"])


@pytest.mark.parametrize(("asked", "words"), [("3,000-4,000", 3500), (2500, 2500), ("", 0), ("about 900", 900)])
def test_words_of_a_chapter_as_the_book_asks(asked: str | int, words: int) -> None:
    assert words_asked(wanted([], 3), asked) == words_asked([], asked) == words


def test_words_of_a_chapter_as_the_outline_asks_over_all_of_them() -> None:
    plan = chapters("1. Ebb (1,000 words)\n2. Flow (2,000-4,000 words)\n3. Slack\n")
    assert words_asked(plan, "5000") == 3000
    assert words_asked(plan, "") == 2000


def test_numbers_in_short() -> None:
    assert listed([Chapter(number=number) for number in (3, 5, 6, 7, 12)]) == "3, 5-7, 12"

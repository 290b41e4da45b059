"""The chapters that an outline names are found in the ways outlines are written, and so are those not written yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.agent.plan import chapters_in, listed, missing, planned, words_asked


@pytest.mark.parametrize(
    "outline",
    [
        "# Salt\n\n## Chapter 1: Ebb\nMara.\n\n## Chapter 2: Flow\n\n## Chapter 3\n",
        "1. Ebb\n2. Flow\n3. Slack\n",
        "## People\n1. Mara\n2. Luis\n\n## Chapters\n1. **Ebb** — she leaves\n2. **Flow**\n3. **Slack**\n",
        "- **Chapter 1 — Ebb**\n- **Chapter 2 — Flow**\n- **Chapter 3 — Slack**\nAs in chapter 9.\n",
        "| 1 | Ebb | 3,000 |\n| 2 | Flow | 3,000 |\n| 3 | Slack | 2,000 |\n",
        "## Kapitel 1\n## Kapitel 2\n## Kapitel 3\n",
        "## 第1章 潮\n## 第2章\n## 第3章\n",
        "### 1) Ebb\nIt is 1912.\n1912: the flood\n### 2) Flow\n### 3) Slack\n",
    ],
)
def test_an_outline_s_chapters(outline: str) -> None:
    assert chapters_in(outline) == [1, 2, 3]


def test_an_outline_without_a_list_has_none_and_the_author_s_number_stands_in() -> None:
    assert chapters_in("# Salt\n\nA woman leaves in 1912.\n") == []
    assert planned("# Salt\n", 4) == [1, 2, 3, 4]
    assert planned("1. Ebb\n2. Flow\n", 4) == [1, 2]
    assert planned("", None) == []


def test_a_chapter_is_written_when_a_file_has_its_number() -> None:
    assert missing([1, 2, 3, 4], ["outline.md", "chapter_01.md", "3-flow.md", "bible/2.md"]) == [2, 4]


def test_as_many_files_as_chapters_are_enough_whatever_they_are_called() -> None:
    assert missing([1, 2], ["outline.md", "ebb.md", "flow.md"]) == []


def test_what_the_author_took_away_is_not_missing() -> None:
    assert missing([1, 2, 3], ["chapter_01.md"], ["chapter_02.md"]) == [3]


def test_words_of_a_chapter() -> None:
    assert [words_asked(asked) for asked in ("3,000-4,000", 2500, "", "about 900")] == [3500, 2500, 0, 900]


def test_numbers_in_short() -> None:
    assert listed([3, 5, 6, 7, 12]) == "3, 5-7, 12"


@given(st.text(), st.integers(1, 50))
def test_whatever_stands_around_a_list_its_chapters_are_found(around: str, count: int) -> None:
    around = around.replace("hapter", "")
    outline = around + "\n\n" + "\n".join(f"## Chapter {number}: X" for number in range(1, count + 1))
    assert chapters_in(outline) == list(range(1, count + 1))

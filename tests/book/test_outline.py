"""An outline is read as its author wrote it, in whatever form; a form that can't be read costs nothing but the plan."""

import string
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.book.outline import board, chapter_of, chapters, number_of
from studio.book.outline_lines import chapter_mark, lines_of, stated_cause, stated_status, status_of, title_of
from studio.book.plan import STATUSES, Chapter, Target
from studio.book.targets import find_target, plain_target

T = Target(3_000, 4_000)


def read(outline: str) -> list[tuple[int | None, str, str, str, str]]:
    return [(one.number, one.title, str(one.target or ""), one.status, one.cause) for one in chapters(outline)]


def test_headings_with_their_particulars_below_them() -> None:
    outline = """---
title: The Salt Road
---
# The Salt Road

## People
1. Mara wants to go home
2. Elio wants the sea

## Chapter Plan

### Chapter 1: The Harbour
- **Target:** 3,000–4,000 words
- **Status:** drafted
- Mara reads the letter that chapter 2 needs.
- **Leads to:** because the letter names the ship, she goes aboard.

### Chapter Two — The Crossing (3,500 words)
They sail.
→ the storm drives them ashore

### Epilogue
800 words, no more.
"""
    assert read(outline) == [
        (1, "The Harbour", "3,000-4,000", "drafted", "because the letter names the ship, she goes aboard."),
        (2, "The Crossing", "3,500", "", "the storm drives them ashore"),
        (None, "Epilogue", "800", "", ""),
    ]


def test_a_numbered_list_with_scenes_within_it() -> None:
    outline = """1. **The Harbour** — Mara arrives (3,000-4,000 words) [drafted]
   - Leads to: the letter
   1. The quay
   2. The tavern
2. **The Crossing**: they sail. (3k words) [planned]
3. Landfall - done
"""
    assert read(outline) == [
        (1, "The Harbour", "3,000-4,000", "drafted", "the letter"),
        (2, "The Crossing", "3,000", "planned", ""),
        (3, "Landfall", "", "finished", ""),
    ]


def test_a_table_of_chapters_and_none_of_people() -> None:
    outline = """| # | Title | Target words | Status | Leads to the next because |
|--:|:------|-------------:|--------|---------------------------|
| 1 | The Harbour | 3,000-4,000 | ✅ done | → the letter |
| 2 | **The Crossing** | 3500 | not started | |

| Name | Want | Wound |
|------|------|-------|
| Mara | home | the sea |
"""
    assert read(outline) == [
        (1, "The Harbour", "3,000-4,000", "finished", "the letter"),
        (2, "The Crossing", "3,500", "planned", ""),
    ]


def test_bullets_tasks_and_file_names() -> None:
    outline = """- [x] Chapter 1 — The Harbour: she comes
- [ ] Chapter 2 – The Crossing, 3500 words
- **Chapter III: Landfall** (status: in progress)
- `chapter_04.md`: The Salt — 2,000 words
"""
    assert read(outline) == [
        (1, "The Harbour", "", "finished", ""),
        (2, "The Crossing", "3,500", "planned", ""),
        (3, "Landfall", "", "drafted", ""),
        (4, "The Salt", "2,000", "", ""),
    ]
    assert chapters(outline)[3].file == "chapter_04.md"


def test_chinese_headings_and_lists() -> None:
    outline = (
        "# 大纲\n## 第一章 港口\n目标字数：3000-4000字\n状态：初稿\n因此：她必须上船\n## 第十二章：渡海（三千字）\n"
    )
    assert read(outline) == [(1, "港口", "3,000-4,000", "drafted", "她必须上船"), (12, "渡海", "3,000", "", "")]
    assert read("## 章节\n1. 港口（3000字，已完成）\n2. 渡海——她上船\n") == [
        (1, "港口", "3,000", "finished", ""),
        (2, "渡海", "", "", ""),
    ]


@pytest.mark.parametrize(
    ("outline", "titles"),
    [
        ("# One book\n\n1. A\n2) B\n", ["A", "B"]),
        ("I. A\nII. B\nIII. C\n", ["A", "B", "C"]),
        ("**Chapter 1: A** (3,000 words)\nShe comes.\n\n**Chapter 2: B**\n", ["A", "B"]),
        ("## 1. Premise\nx\n## 2. Chapters\n1. A\n2. B\n", ["A", "B"]),
        ("## Chapters\n### A\n2,000 words\n### B\n", ["A", "B"]),
        ("Chapters:\n- A\n  - of which\n- B\n", ["A", "B"]),
        ("# Part One\n## Chapter 1: A\n## Chapter 2: B\n# Part Two\n## Chapter 1: C\n", ["A", "B", "C"]),
        ("## Chapters\n1. A\n2. B\n3. C\n\n## In detail\n### Chapter 1: A, once more\n", ["A, once more", "B", "C"]),
        ("## Kapitel 1: A\nUmfang: 3.000 Wörter\n", ["A"]),
        ("## Chapter 2: B\n## Chapter 1: A\n", ["A", "B"]),
        ("## Prologue\n## Chapter 1: A\n## Interlude\n## Chapter 2: B\n", ["Prologue", "A", "Interlude", "B"]),
        ("- **Chapter 1 — A**\n- **Chapter 2 — B**\nAs in chapter 9.\n", ["A", "B"]),
        ("| 1 | A | 3,000 |\n| 2 | B | 2,000 |\n", ["A", "B"]),
        ("| 1 | A | done |\n|---|---|---|\n| 2 | B | |\n| 1912 | flood | |\n", ["A", "B"]),
        ("## 第1章 A\n## 第2章 B\n", ["A", "B"]),
        ("### 1) A\nIt is 1912.\n1912: the flood\n### 2) B\n", ["A", "B"]),
        ("> ## Chapter 1: A\n> She comes.\n>\n> ## Chapter 2: B\n", ["A", "B"]),
        ("Chapter 1 A\nShe comes.\n\nChapter 2 B\n", ["A", "B"]),
        ("1. A\n2) B\n## Chapter 3: C\n", ["A", "B", "C"]),
        ("1. Mara\n2. Elio\n3. Ada\n## Chapter 3: C\n", ["C"]),
        ("Mara is 31. Chapter 3 shows why.\nChapter 2 is hard\n", []),
        ("# Salt\n\nA woman leaves in 1912.\n", []),
        ("", []),
    ],
)
def test_other_ways_to_list_chapters(outline: str, titles: list[str]) -> None:
    assert [one.title for one in chapters(outline)] == titles


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("3,000-4,000 words", T),
        ("3000 to 4000 words", T),
        ("3-4k words", T),
        ("about 3,500 words", Target(3_500, 3_500)),
        ("**Target:** ~3.5k", Target(3_500, 3_500)),
        ("约3000-4000字", T),
        ("三千五百字", Target(3_500, 3_500)),
        ("4.000 Wörter", Target(4_000, 4_000)),
        ("2,412 words written so far; target 3,000 words", Target(3_000, 3_000)),
        ("2,412 words written", None),
        ("in 1912 she was 31", None),
        ("Chapter 3: twelve words of power", None),
        ("Target: 3,000-4,000; actual: 2,100 words", T),
    ],
)
def test_a_target_is_told_from_other_figures(words: str, target: Target | None) -> None:
    assert find_target(words) == target


def test_a_setting_is_a_target_without_any_word() -> None:
    assert plain_target("3,000-4,000") == T
    assert plain_target(3000) == Target(3_000, 3_000)
    assert plain_target("as long as it needs") is None


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Draft 1 complete", "drafted"),
        ("not yet started", "planned"),
        ("unfinished", "drafted"),
        ("needs revision", "drafted"),
        ("revised", "reviewed"),
        ("DONE", "finished"),
        ("未完成", "drafted"),
        ("abandoned", ""),
    ],
)
def test_a_status_is_understood_in_its_own_words(words: str, status: str) -> None:
    assert status_of(words) == status


TITLES = st.lists(
    st.text(string.ascii_letters + " '", min_size=3, max_size=30)
    .map(lambda text: " ".join(("The", *text.split(), "Harbour")))
    .filter(lambda title: "'" not in (title[0], title[-1]) and not status_of(title)),
    min_size=2,
    max_size=30,
    unique_by=str.casefold,
)
PLANS = TITLES.flatmap(
    lambda titles: st.tuples(
        *(st.tuples(st.just(title), st.integers(100, 9_000), st.sampled_from(STATUSES)) for title in titles)
    )
)


@given(PLANS, st.integers(0, 6))
def test_a_plan_is_read_back_from_every_form(plan: Any, form: int) -> None:
    lines = {
        0: lambda n, t, w, s: f"## Chapter {n}: {t}\n\n- Target: {w:,} words\n- Status: {s}\n- Leads to: cause {n}\n",
        1: lambda n, t, w, s: f"{n}. {t} — she goes ({w} words) [{s}]\n   - Leads to: cause {n}",
        2: lambda n, t, w, s: f"| {n} | {t} | {w:,} | {s} | cause {n} |",
        3: lambda n, t, w, s: f"- **Chapter {n} — {t}** ({w:,} words, {s}) → cause {n}",
        4: lambda n, t, w, s: f"### {n}. {t}\nLength: {w}\nStatus: {s}\nTherefore: cause {n}\n",
        5: lambda n, t, w, s: f"第{n}章 {t}\n字数：{w}\n状态：{s}\n因此：cause {n}",
        6: lambda n, t, w, s: f"**Chapter {n}: {t}** [{s}]\nAbout {w:,} words.\n→ cause {n}\n",
    }[form]
    head = (
        "| # | Title | Target | Status | Leads to |\n|---|---|---|---|---|\n"
        if form == 2
        else "# A plan\n\nIt is 1912.\n\n"
    )
    outline = head + "\n".join(lines(n, t, w, s) for n, (t, w, s) in enumerate(plan, 1))
    assert [(one.number, one.title, one.target, one.status, one.cause) for one in chapters(outline)] == [
        (n, t, Target(w, w), s, f"cause {n}") for n, (t, w, s) in enumerate(plan, 1)
    ], outline


WILD = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(
            [
                "## Chapter 3: X", "# Part 2", "## Chapters", "| # | Title |", "|---|---|", "| 1 | A |", "3. C",
                "III) D", "- [x] Chapter 99999: ", "第百万章", "**", "---", "chapter_0001.md", "→", "(", "<!--",
                "\x1b]0;", "１２. Ü", "Target: 99999999999999999999 words", "## Prologue", "   2. b", "\u2028",
                "Chapter ²", "十万万万字", "٣. x", "> 1. q", "| 1 | A |", "| 2 | B |", "Chapter 1 A", "Chapter 2 B",
            ]
        ),
    )
)  # fmt: skip


@given(st.text(), st.integers(1, 50))
def test_whatever_stands_around_a_list_its_chapters_are_found(around: str, count: int) -> None:
    around = around.replace("hapter", "").replace("<!--", "")
    outline = around + "\n\n" + "\n".join(f"## Chapter {number}: X" for number in range(1, count + 1))
    assert [one.number for one in chapters(outline)] == list(range(1, count + 1))


def test_a_chapter_s_lines_are_kept_as_they_stand() -> None:
    plan = chapters("# Plan\n\n## Chapter 1: A\n\n- **Status:** drafted\n  She comes.\n\n## Chapter 2: B\n\n# End\nx\n")
    assert [one.text for one in plan] == ["- **Status:** drafted\n  She comes.", ""]


def test_an_outline_is_read_once_and_nobody_changes_what_another_gets() -> None:
    outline = "".join(f"## Chapter {n}: T{n}\n\nTarget: 3,000 words\nLeads to: so {n}\n" for n in range(1, 61))
    chapters(outline).clear()
    assert len(chapters(outline)) == 60
    began = time.process_time()
    for _ in range(100):
        chapters(outline)
    assert time.process_time() - began < 0.3  # read anew each time it would be a second


@given(WILD)
def test_no_outline_is_too_odd(lines: list[str]) -> None:
    outline = "\n".join(lines)
    found = chapters(outline)
    numbers = [one.number for one in found if one.number is not None]
    assert numbers == sorted(set(numbers))
    assert all(one.status in ("", *STATUSES) and (one.target is None or one.target.low > 0) for one in found)
    words = {f"chapter_{number:02}.md": 10 for number in range(3)}
    assert {entry.file for entry in board(found, words)} - {""} == set(words)
    for line in lines_of(outline):
        mark = chapter_mark(line)
        title_of(mark.rest if mark else line.text, is_heading=False)
        stated_status(line, outline)
        stated_cause(line, lines)


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "*",
        "1. ",
        "→",
        "| ",
        "Chapters:\n",
        "# Part 1\n",
        " - ",
        "1,000 ",
        "一",
        "## Chapter 1: A\n- x\n",
        "[done]",
        "> ",
        "| 1 | A |\n",
        "Chapter 1 A\n",
    ],
)
def test_a_huge_outline_takes_no_long_time(piece: str) -> None:
    outline = "1. A" + piece * (200_000 // len(piece))
    began = time.process_time()
    chapters(outline)
    assert time.process_time() - began < 5.0


# --- with the disk ------------------------------------------------------------------------------------------------


def test_a_file_finds_its_chapter_by_name_number_or_title() -> None:
    plan = chapters("## Prologue\n## Chapter 1: The Harbour\n## Chapter 2: The Crossing\n## Chapter 12: Salt\n")
    by_file = {
        "chapter_01.md": 1,
        "02 - The Crossing.md": 2,
        "第十二章.md": 12,
        "The Harbour.md": 1,
        "chapter_2.md": 2,
    }
    for file, number in by_file.items():
        assert (found := chapter_of(plan, file)) is not None and found.number == number, file
    assert (found := chapter_of(plan, "prologue.md")) is not None and found.title == "Prologue"
    assert (found := chapter_of(plan, "opening.md", "# The Harbour\n\nIt began.\n")) is not None and found.number == 1
    assert chapter_of(plan, "chapter_07.md") is None
    assert (number_of("chapter_07.md"), number_of("opening.md")) == (7, None)


def test_the_board_takes_the_status_from_plan_and_disk() -> None:
    plan = chapters(
        "1. A [finished]\n2. B [finished]\n3. C\n4. D [planned]\n5. E\n",
    )
    words = {"chapter_01.md": 900, "chapter_03.md": 800, "chapter_04.md": 700, "chapter_09.md": 5}
    entries = board(plan, words, reviewed=["chapter_03.md"])
    assert [(one.chapter.number, one.file, one.words, one.status) for one in entries] == [
        (1, "chapter_01.md", 900, "finished"),
        (2, "", 0, "planned"),  # whatever the outline says: there is nothing
        (3, "chapter_03.md", 800, "reviewed"),
        (4, "chapter_04.md", 700, "drafted"),
        (5, "", 0, "planned"),
        (9, "chapter_09.md", 5, "drafted"),
    ]
    assert entries[-1].chapter == Chapter(number=9)

"""What is found in a text: names, numbers with what they count, promises; always the text's own words."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.agent.memory.known import Fact, directives, facts_in, one_line
from studio.agent.memory.recall import Reach
from studio.agent.memory.terms import number_value, terms


def found(text: str, kind: str) -> list[str]:
    return [fact.text for fact in facts_in({"chapter_01.md": text}) if fact.kind == kind]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Mara is 31.", "Mara is 31"),
        ("Luis, 52, was the pilot.", "Luis, 52"),
        ("It was Luis who turned sixty-two that year.", "Luis who turned sixty-two that year"),
        ("Anna was tired. She was forty-four.", "Anna was tired. She was forty-four"),
        ("- Tomas: age 17", "Tomas: age 17"),
        ("The quay was built in 1843 by convicts.", "The quay was built in 1843 by convicts"),
        ("There hung forty ropes in the shed.", "There hung forty ropes in the shed"),
        ("She said that Ines had three sisters.", "Ines had three sisters"),
        ("The boat left on 14 March.", "The boat left on 14 March"),
        ("He owed the bank $1,500.", "He owed the bank $1,500"),
        ("The ferry costs seven crowns.", "The ferry costs seven crowns"),
        ("一八四三年，他走了。", "一八四三年"),
        ("他买了四十条绳子。", "他买了四十条绳子"),
    ],
)
def test_a_number_is_found_with_what_it_counts(text: str, fact: str) -> None:
    assert fact in found(text, "number")


@pytest.mark.parametrize(
    "text",
    ["Chapter 3 began.", "One of them had gone.", "She knocked two times.", "Ten minutes passed.", "He was tired."],
)
def test_what_any_book_counts_is_no_fact(text: str) -> None:
    assert found(text, "number") == []


@pytest.mark.parametrize(
    "text",
    [
        "Ines promised Mara that she would never sell the boat.",
        "“I'll bring the lamp back before the first snow,” said Luis.",
        "He gave his word that the orphan would inherit.",
        "Er versprach, das Boot nie zu verkaufen.",
        "李明辉答应在下雪以前回来。",
    ],
)
def test_a_promise_is_found_whole(text: str) -> None:
    assert found(text, "promise") == [text]


def test_a_promise_by_someone_named_before_says_by_whom() -> None:
    text = "It was Ines who spoke. She swore that the boat would never be sold."
    assert found(text, "promise") == ["Ines who spoke. She swore that the boat would never be sold."]


def test_names_are_what_is_never_written_small_and_comes_again() -> None:
    text = (
        "They asked for Mara Quill at Salt Harbour. The old pilot, Emmer, knew. On Monday the Captain met Emmer, and "
        "the captain left Salt Harbour with Mara Quill. Nobody but Once saw it."
    )
    names = [fact.short for fact in facts_in({"a.md": text}) if fact.kind == "name"]
    assert sorted(names) == ["Emmer", "Mara Quill", "Salt Harbour"]


def test_german_nouns_are_no_names() -> None:
    text = "Ich sah das Boot nicht, und das Boot ist alt. Da kam Mara nicht. Und ich rief Mara, und Mara ist fort."
    assert [fact.short for fact in facts_in({"a.md": text}) if fact.kind == "name"] == ["Mara"]


def test_chinese_names_go_by_surnames_and_by_what_places_are_called() -> None:
    text = "李明辉说他要走。玛拉在盐港镇等他。李明辉走了，他到盐港镇去。玛拉·奎尔来了，又是玛拉·奎尔。"
    names = [fact.short for fact in facts_in({"a.md": text}) if fact.kind == "name"]
    assert sorted(names) == sorted(["李明辉", "盐港镇", "玛拉·奎尔"])


def test_a_fact_names_the_first_file_it_stands_in() -> None:
    facts = facts_in({"bible/people.md": "Mara is 31.", "chapter_01.md": "Mara was thirty-one."})
    assert [(fact.file, fact.text) for fact in facts if fact.kind == "number"] == [("bible/people.md", "Mara is 31")]


def test_a_note_is_a_directive_a_sentence() -> None:
    assert [fact.text for fact in directives("", "Don't kill Mara. No dreams!")] == ["Don't kill Mara.", "No dreams!"]


@pytest.mark.parametrize(
    ("words", "figures"),
    [
        ("thirty-one", "31"),
        ("two hundred and twelve", "212"),
        ("eighteen forty-three", "1843"),
        ("three thousand", "3000"),
        ("1,843", "1843"),
        ("三十一", "31"),
        ("一八四三", "1843"),
        ("两千三百", "2300"),
    ],
)
def test_a_number_in_words_is_the_same_as_in_figures(words: str, figures: str) -> None:
    assert number_value(words) == figures
    assert list(terms("thirty-one sisters'")) == ["31", "sister"]


_WORDS = """
Mara Luis Quill Mr. St. She he who is was turned aged promised swore will before had hundred thousand one forty
thirty-one eighteen forty-three 31 1843 1,843 $5 14 March years old crowns ropes sisters Chapter
李明辉 说 答应 三十一岁 四十条绳子 盐港镇 在 。 ， · 〇 十 “ ” ’s … _ * İ ẞ ٣ ²
"""
_MARKS = [". ", ", ", "\n", "\n\n", "# ", "- ", "! ", "\r\n", "\u2028", "\u212a"]
pieces = st.sampled_from([*_WORDS.split(), *_MARKS])
texts = st.one_of(
    st.lists(pieces, max_size=60).map(" ".join), st.lists(pieces, max_size=60).map("".join), st.text(max_size=200)
)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # the first text of all makes hypothesis read Unicode's tables
@given(st.dictionaries(st.sampled_from(["outline.md", "chapter_01.md", "chapter_02.md"]), texts))
def test_facts_of_any_text_are_its_own_words_and_the_same_each_time(files: dict[str, str]) -> None:
    facts: list[Fact] = facts_in(files)
    assert facts == facts_in(dict(files))
    for fact in facts:
        source = one_line(files[fact.file])
        assert fact.text and one_line(fact.text) == fact.text
        assert fact.text in source and fact.text.startswith(fact.short)
        assert Reach([files[fact.file]]).says(fact) and Reach([fact.text]).says(fact)


@pytest.mark.parametrize(
    "unit", ["Mara ", "thousand ", "31", "Mara is 31, ", "a", "十", "李明", " ", "\n", "promised ", "."]
)
def test_a_text_that_never_ends_is_looked_through_all_the_same(unit: str) -> None:
    facts_in({"a.md": unit * 100_000})

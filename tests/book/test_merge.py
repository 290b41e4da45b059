"""Merging prose: what either side changed is kept, and where both changed one sentence the author wins."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.book.merge import Conflict, merge, sentences

TEXT = "The lamp was lit. The door stood open. Mara waited.\n\nThe sea was calm. No ship came.\n"

prose = st.text(alphabet="ab .!?\n\r\t。「」…”#-*é島", max_size=60)


@given(st.text(max_size=300) | prose)
def test_the_split_into_sentences_loses_nothing(text: str) -> None:
    assert "".join(sentences(text)) == text
    assert all(sentences(text))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("“Go!” he said. She went.", ["“Go!” ", "he said. ", "She went."]),
        ("Dr. Moss met Mr. J. Hale. They spoke.", ["Dr. Moss met Mr. J. Hale. ", "They spoke."]),
        ("# Title\n\nIt cost 3.50 dollars.\r\n\r\nEnd", ["# Title\n\n", "It cost 3.50 dollars.\r\n\r\n", "End"]),
        ("島へ行く。帰る！「はい。」終わり", ["島へ行く。", "帰る！", "「はい。」", "終わり"]),
        ("- one\n- two\n", ["- one\n", "- two\n"]),
        ("(It rained.) Then… nothing.", ["(It rained.) ", "Then… ", "nothing."]),
    ],
)
def test_a_sentence_ends_where_a_reader_says(text: str, tokens: list[str]) -> None:
    assert sentences(text) == tokens


@given(prose, prose)
def test_when_one_side_changed_nothing_the_other_is_the_result(base: str, other: str) -> None:
    assert merge(base, base, other).text == other
    assert merge(base, other, base).text == other
    assert merge(base, other, other).text == other
    assert merge(base, base, other).author_changed is False
    assert merge(base, other, base).author_changed is (base != other)


def test_changes_to_different_sentences_of_a_paragraph_both_count() -> None:
    author = TEXT.replace("lamp was lit", "lamp was blown out")
    agent = TEXT.replace("stood open", "stood ajar")
    merged = merge(TEXT, author, agent)
    assert merged.text == author.replace("stood open", "stood ajar")
    assert (merged.conflicts, merged.author_changed) == ((), True)


def test_author_wins_when_both_changed_a_sentence() -> None:
    merged = merge(TEXT, TEXT.replace("stood open", "was nailed shut"), TEXT.replace("stood open", "stood ajar"))
    assert merged.text == TEXT.replace("stood open", "was nailed shut")
    assert merged.conflicts == (Conflict(author="The door was nailed shut. ", agent="The door stood ajar. "),)


def test_the_same_change_on_both_sides_is_taken_once() -> None:
    both = TEXT.replace("calm", "rough")
    merged = merge(TEXT, both, both.replace("Mara waited.", "Mara slept."))
    assert merged.text == both.replace("Mara waited.", "Mara slept.")
    assert merged.conflicts == ()


def test_what_both_put_in_at_one_place_stays_the_authors_first() -> None:
    author = TEXT.replace("open. ", "open. A gull cried. ")
    agent = TEXT.replace("open. ", "open. Wind rose. ")
    merged = merge(TEXT, author, agent)
    assert merged.text == TEXT.replace("open. ", "open. A gull cried. Wind rose. ")
    assert merged.conflicts == ()


def test_a_sentence_added_after_one_the_author_changed_follows_it() -> None:
    author = TEXT.replace("No ship came.", "Two ships came.")
    agent = TEXT.replace("No ship came.", "No ship came. Night fell.")
    merged = merge(TEXT, author, agent)
    assert merged.text == TEXT.replace("No ship came.", "Two ships came. Night fell.")
    assert merged.conflicts == ()


def test_paragraphs_added_by_both_at_the_end_stay_paragraphs() -> None:
    merged = merge("One.\n", "One.\n\nMine.\n", "One.\n\nIts.\n")
    assert merged.text == "One.\n\nMine.\n\nIts.\n"
    assert merge("One.", "One. Mine.", "One. Its.").text == "One. Mine. Its."


def test_a_paragraph_of_the_authors_is_not_joined_to_a_sentence_of_the_agents() -> None:
    merged = merge("One.\n\nTwo.\n", "One.\n\nMine.\n\nTwo.\n", "One. Its.\n\nTwo.\n")
    assert merged.text == "One.\n\nMine.\n\nIts.\n\nTwo.\n"


def test_what_the_author_removed_stays_removed_when_the_agent_reworded_it() -> None:
    author = TEXT.replace(" The door stood open.", "")
    agent = TEXT.replace("stood open", "stood ajar")
    merged = merge(TEXT, author, agent)
    assert merged.text == author
    assert [conflict.agent for conflict in merged.conflicts] == ["The door stood ajar. "]


def test_a_sentence_put_into_a_passage_the_author_removed_is_told() -> None:
    merged = merge(TEXT, "The sea was calm. No ship came.\n", TEXT.replace("open. ", "open. Wind rose. "))
    assert merged.text == "The sea was calm. No ship came.\n"
    assert "Wind rose." in merged.conflicts[0].agent


def test_a_rewritten_chapter_conflicts_only_where_the_author_was() -> None:
    base = "".join(f"The boat rose over wave number {n} in the dark. " for n in range(40)).rstrip() + "\n"
    author = base.replace("over wave number 20 in the dark", "over the twentieth wave, in the grey dark")
    agent = "It began. " + base.replace("The boat rose", "Slowly the boat rose").replace("number 7 ", "seven ")
    merged = merge(base, author, agent)
    assert len(merged.conflicts) == 1
    assert "twentieth wave" in merged.text
    assert merged.text.count("Slowly") == 39
    assert merged.text.startswith("It began. Slowly")


def test_paragraphs_the_author_joined_stay_joined_when_the_agent_rewords_one() -> None:
    merged = merge("One is here.\n\nTwo.\n", "One is here. Two.\n", "One was here.\n\nTwo.\n")
    assert merged.text == "One was here. Two.\n"


def test_a_text_of_one_sentence_repeated_is_merged_all_the_same() -> None:
    base = "Ha! " * 6000
    author = base[: 4 * 3000] + "Mara laughed. " + base[4 * 3000 :]
    agent = base[: 4 * 100] + "Then: " + base[4 * 500 :] + "The end."
    merged = merge(base, author, agent)
    assert "Mara laughed." in merged.text
    assert "The end." in merged.text + "".join(conflict.agent for conflict in merged.conflicts)


words = st.sampled_from(["sea", "lamp", "door", "wind", "salt", "boat", "mara", "waits", "the", "a", "of"])
sentence = st.lists(words, min_size=1, max_size=5).map(lambda found: " ".join(found).capitalize() + ".")


@st.composite
def edited_books(draw: st.DrawFn) -> tuple[str, str, str]:
    """A base, and two texts made of it by edits that each carry a marker of their own (A1, A2 … and G1, G2 …)."""
    base = draw(st.lists(st.tuples(sentence, st.sampled_from([" ", "\n\n", "\n"])), min_size=1, max_size=14))

    def edited(letter: str) -> str:
        tokens = [list(token) for token in base]
        for number in range(draw(st.integers(0, 5))):
            marker = f"Marker {letter}{number} {draw(words)}."
            at = draw(st.integers(0, max(0, len(tokens) - 1)))
            match draw(st.sampled_from(["insert", "replace", "delete", "within"])):
                case "insert":
                    tokens.insert(at, [marker, draw(st.sampled_from([" ", "\n\n"]))])
                case "replace" if tokens:
                    tokens[at][0] = marker
                case "delete" if tokens and "Marker" not in tokens[at][0]:
                    del tokens[at]
                case "within" if tokens and "Marker" not in tokens[at][0]:
                    tokens[at][0] = tokens[at][0][:-1] + f" {letter}{number}."
        return "".join(body + gap for body, gap in tokens)

    return "".join(body + gap for body, gap in base), edited("A"), edited("G")


def markers(text: str, letter: str) -> set[str]:
    return set(re.findall(rf"{letter}\d", text))


@settings(max_examples=1500, deadline=None)
@given(edited_books())
def test_no_word_of_the_authors_is_lost_and_none_of_the_agents_in_silence(book: tuple[str, str, str]) -> None:
    base, author, agent = book
    merged = merge(base, author, agent)
    assert markers(merged.text, "A") == markers(author, "A")
    told = merged.text + "".join(conflict.agent for conflict in merged.conflicts)
    assert markers(told, "G") == markers(agent, "G")
    assert all(conflict.author in author for conflict in merged.conflicts)


@settings(max_examples=300, deadline=None)
@given(prose, prose, prose)
def test_any_three_texts_can_be_merged(base: str, author: str, agent: str) -> None:
    merged = merge(base, author, agent)
    if author == base:
        assert merged.text == agent
    kept = {token.strip() for token in sentences(author)} - {token.strip() for token in sentences(base)}
    assert all(token in merged.text for token in kept)


def test_an_addition_after_what_the_author_took_out_goes_on_in_the_paragraph() -> None:
    merged = merge("One. Two. Three.\n", "One! Two!\n", "One. Two. Three. Four.\n")
    assert merged.text == "One! Two! Four.\n"


def test_a_chinese_ellipsis_ends_a_sentence_without_a_blank() -> None:
    assert sentences("他等了三年……灯亮了。好……！走吧") == ["他等了三年……", "灯亮了。", "好……！", "走吧"]


def test_a_heading_stays_a_line_when_what_stood_around_it_went() -> None:
    base = "# One\n\nIt was. He is. She is.\n\nThey are.\n"
    author = "# One\n\nIt was.\n\n## Two\n\nThey are.\n"
    merged = merge(base, author, "# One\n\nHe is. They are.\n")
    assert merged.text == "# One\n\n## Two\n\nThey are.\n"


def test_what_both_put_in_at_one_place_is_there_once() -> None:
    """A save of the author's that is found late may be part of what is on disk already."""
    base, late, disk = "One. Two.\n", "One. Mine. Two.\n", "One. Mine. Newer. Two.\n"
    assert merge(base, disk, late).text == disk
    assert merge(base, late, disk).text == "One. Mine. Newer. Two.\n"
    assert merge(base, "One. Mine. Two.\n", "One. Yours. Mine. Two.\n").text == "One. Mine. Yours. Two.\n"

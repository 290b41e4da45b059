"""Words are counted by the rule that `count_words` publishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.book.words import count_words, split_front_matter


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("The sailor's well-kept boat, in 1912.", 6),
        ("sea—shore, sea–shore, sea -- shore, wait…what", 8),
        ("# A *bold* **claim**\n\n> quoted\n\n---\n\n- one\n- two", 6),
        ("1. First\n2. Second\n10) Third", 3),
        ('[the sailor](https://example.org/a/b "Title") sails', 3),
        ("<!-- a note to\nmyself -->One word", 2),
        ("---\ntitle: Not counted\n---\nThree words here", 3),
        ("---\r\ntitle: Not counted\r\n---\r\nTwo words", 2),
        ("島へ行く。", 4),
        ("カメラ・マン", 5),
        ("한국어 소설", 5),
        ("島の lamp 3本", 5),
        ("e\u0301lodie café", 2),
        ("हिन्दी में कथा", 3),
        ("3,000 and 52%", 3),
        ("“Nothing — yet.” … !", 2),
        ("🌊 🌊", 0),
    ],
)
def test_a_text_has_as_many_words_as_the_rule_says(text: str, words: int) -> None:
    assert count_words(text) == words


@given(st.text())
def test_front_matter_and_text_are_the_whole(text: str) -> None:
    front, body = split_front_matter(text)
    assert front + body == text


def test_front_matter_is_only_at_the_top_and_closed() -> None:
    assert split_front_matter("---\na: 1\n---\nText") == ("---\na: 1\n---\n", "Text")
    assert split_front_matter("---\n---\nText") == ("---\n---\n", "Text")
    assert split_front_matter("Text\n---\na: 1\n---\n")[0] == ""
    assert split_front_matter("---\nnever closed\n")[0] == ""


@given(st.lists(st.sampled_from(["sea", "it's", "well-kept", "1912", "島"]), max_size=20))
def test_words_with_blanks_between_them_count_as_many(words: list[str]) -> None:
    assert count_words(" ".join(words)) == len(words)


def test_a_page_of_marks_takes_no_time_to_speak_of() -> None:
    assert count_words("-" * 200_000 + "[" * 100_000 + "](" * 50_000 + "a" * 100_000) == 1

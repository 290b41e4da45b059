"""What code counts of a chapter and has mended: loops are told from prose, and the author's words are left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_model import prose, sentence

from studio.agent.guided.mend import mended
from studio.agent.guided.review import Look, faults, head_of, weakest, words_of_review
from studio.agent.guided.words import Person, named_in, names_in, subject, trim_passage, trim_person, trim_prose
from studio.agent.prompts import rubric
from studio.agent.reviews.critique import mean, read_critique, report, stands_in

GOOD = f"# Ebb\n\n{prose('good')}\n"
LOOP = "He added, “Your honor, Captain Blackwood.” The next day they would sail across the sea to celebrate it."
PASSAGE = " ".join(sentence(f"p{number}") for number in range(8))


def scores(text: str, **beside: object) -> dict[str, float]:
    look = Look(text=text, least=200, hero="Mara Lund", **beside)  # type: ignore[arg-type]
    return read_critique(words_of_review(look, "Mara rows."), rubric(), text).counted


def test_what_can_be_counted_is_scored_and_what_can_not_is_said() -> None:
    look = Look(text=GOOD, least=200, hero="Mara Lund")
    reply = words_of_review(look, "In this chapter Mara rows home")
    critique = read_critique(reply, rubric(), GOOD)
    assert set(critique.counted) == {"character", "voice", "expansion", "seamlessness"}
    assert all(stands_in(one.passage, GOOD) for one in critique.scores)
    kept = report(critique, reply, "chapter_01.md", 1, head_of(reply))
    for words in (
        "Counted by the studio",
        "Not judged: setting, stakes, pacing, fidelity, integration",
        "Retold by the model: In this chapter Mara rows home",
    ):
        assert words in kept
    assert head_of("A reader's own words.\n\nMore of them.") == ""


def test_a_loop_scores_far_below_prose() -> None:
    loop = "# Ebb\n\n" + "\n\n".join([f"{LOOP} {sentence(str(number))}" for number in range(9)]) + "\n"
    good, bad = scores(GOOD), scores(loop)
    assert good["voice"] > 9 and bad["voice"] < 2
    assert (mean(good) or 0) - (mean(bad) or 0) > 2


def test_what_earlier_chapters_said_counts_as_repeated() -> None:
    text = f"# Flow\n\n{prose('other')}\n\n{PASSAGE}\n"
    assert faults(Look(text=text, before=(GOOD,))) == []
    fault = weakest(Look(text=text, before=(GOOD, f"# Ebb\n\n{PASSAGE}\n")))
    assert fault is not None and fault.kind == "repeat" and text[fault.start : fault.end] == PASSAGE


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("In this chapter we learn that Mara is brave.", "talk"),
        ("Sentence 2: Mara is the protagonist.", "talk"),
        ("1. Mara, a diver\n2. Tomas, her brother", "heading"),
        ("## What comes next", "heading"),
        ("Mara turned the boat and", "unfinished"),
        ("She ran. She fell. She rose. She swam. She slept. She was gone for ever and a day.", "same"),
    ],
)
def test_what_is_no_story_is_found(ending: str, kind: str) -> None:
    text = f"# Ebb\n\n{prose('x')}\n\n{ending}\n"
    assert kind in [one.kind for one in faults(Look(text=text))]
    assert kind not in [one.kind for one in faults(Look(text=GOOD))]


def test_a_chapter_that_begins_as_another_does_is_found() -> None:
    one = "# A\n\nBy morning Mara was gone. " + prose("one")
    other = "# B\n\nBy morning Mara was back. " + prose("two")
    fault = weakest(Look(text=other, before=(one,)))
    assert fault is not None and fault.kind == "alike"
    assert other[fault.start : fault.end] == "By morning Mara was back."
    assert scores(other, before=(one,))["seamlessness"] < scores(other)["seamlessness"]


def test_a_short_chapter_is_grown_after_its_thinnest_paragraph_and_nothing_is_taken_out() -> None:
    text = f"# Ebb\n\n{prose('a', 6)}\n\nMara walked to the harbour and back.\n\n{prose('b', 6)}\n"
    look = Look(text=text, least=400)
    fault = next(one for one in faults(look) if one.kind == "short")
    assert text[fault.start : fault.end] == "Mara walked to the harbour and back."
    old, new = mended(look, fault, sentence("new"))
    assert new == f"{old}\n\n{sentence('new')}" and text.count(old) == 1


def test_the_edit_of_a_passage_that_stands_twice_is_of_one_place() -> None:
    text = f"# Ebb\n\n{PASSAGE}\n\n{sentence('between')}\n\n{PASSAGE}\n\n{sentence('end')}\n"
    look = Look(text=text)
    fault = weakest(look)
    assert fault is not None and text[fault.start :].startswith(PASSAGE) and fault.start > 100
    old, new = mended(look, fault, sentence("new"))
    assert text.count(old) == 1
    assert text.replace(old, new) == text[: fault.start] + sentence("new") + text[fault.end :]


def test_words_that_repeat_the_chapter_are_not_put_in_and_a_passage_without_better_ones_goes() -> None:
    text = f"# Ebb\n\n{PASSAGE}\n\n{sentence('between')}\n\n{PASSAGE}\n\n{sentence('end')}\n"
    look = Look(text=text)
    fault = weakest(look)
    assert fault is not None
    old, new = mended(look, fault, sentence("p3") + " " + sentence("between"))
    assert text.replace(old, new) == f"# Ebb\n\n{PASSAGE}\n\n{sentence('between')}\n\n{sentence('end')}\n"


def test_a_passage_with_the_authors_words_in_it_is_no_fault() -> None:
    text = f"# Ebb\n\n{PASSAGE}\n\n{sentence('between')}\n\n{PASSAGE}\n"
    mine = sentence("p3")
    assert weakest(Look(text=text)) is not None
    assert weakest(Look(text=text, own=lambda passage: mine not in passage)) is None


@given(st.text(alphabet="ab .\n#“”:-1M", max_size=400), st.text(alphabet="ab .\n", max_size=80))
def test_whatever_a_chapter_is_its_edit_is_of_one_place_and_the_review_can_be_read(text: str, words: str) -> None:
    look = Look(text=text, before=(words,), least=30, hero="Mara")
    read_critique(words_of_review(look, words), rubric(), text)
    for fault in faults(look):
        assert 0 <= fault.start < fault.end <= len(text)
        old, new = mended(look, fault, words)
        assert text.count(old) == 1, (fault, old, new)


# --- words --------------------------------------------------------------------------------------------------------


def test_an_assistants_words_around_prose_are_cut_off() -> None:
    assert trim_prose("Sure, here is the chapter. Mara rowed. This chapter shows her courage.") == "Mara rowed.\n"
    assert trim_prose("Mara rowed.\nTomas did not.\n\n\nIt rained.") == "Mara rowed.\n\nTomas did not.\n\nIt rained.\n"
    spoken = "Mara rowed. “This chapter is over,” she said.\n"
    assert trim_prose(spoken) == spoken
    assert trim_passage("In this chapter, Mara rows.") == ""
    assert trim_passage("Mara was go") == ""


def test_people_are_read_out_of_one_line() -> None:
    assert trim_person("Lena Lehr, she\nmore") == Person("Lena Lehr", "she")
    assert trim_person("**Ada Moreau** (she), a pilot.") == Person("Ada Moreau", "she")
    assert trim_person("Captain Thaddeus and his crew").name == "Thaddeus"
    assert trim_person("nobody at all").name == ""
    assert named_in("A story of a diver called Mara Voss in three chapters") == "Mara Voss"
    assert named_in("A sea story") == ""
    assert names_in("Then she met Tomas, and Tomas met I.").most_common(1) == [("Tomas", 2)]


def test_the_number_of_chapters_is_no_part_of_the_story() -> None:
    assert subject("A sea story in ten chapters") == "A sea story"
    assert subject("in ten chapters") == "in ten chapters"

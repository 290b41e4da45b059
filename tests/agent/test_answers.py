"""What the agent is told of a merge: the author's text, and all of its own that was not taken."""

from studio.agent.tools.answers import not_taken
from studio.book.merge import Conflict


def conflict(number: int, words: str = "The lamp was lit") -> Conflict:
    return Conflict(author=f"{words} by {number}.\n", agent=f"{words} at {number}.")


def test_every_place_is_told_with_both_texts() -> None:
    told = not_taken([conflict(number) for number in range(30)])
    assert len(told) == 30
    assert all(f"by {n}.»" in line and f"at {n}.»" in line for n, line in enumerate(told))


def test_a_passage_that_the_author_took_out_is_told_as_taken_out() -> None:
    (told,) = not_taken([Conflict(author="", agent="The door stood open.")])
    assert "the author took them out, not yours: «The door stood open.»" in told


def test_a_book_of_conflicts_is_told_in_part_and_counted_to_the_end() -> None:
    told = not_taken([conflict(number, "A long sentence " * 40) for number in range(50)])
    assert 2 < len(told) < 20
    assert told[-1].startswith(f"… and {50 - len(told) + 1} more places")

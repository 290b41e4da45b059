"""Prose of cut replies: the pieces come together as one text."""

import pytest

from studio.book.intents import Evidence, was_done
from studio.book.partials import begins_anew, joined, whole


@pytest.mark.parametrize(
    ("kept", "text", "becomes"),
    [
        ("It rained. ", "She left.", "It rained. She left."),
        ("It rained.", "She left.", "It rained. She left."),
        ("“Go!”", "“Where?”", "“Go!” “Where?”"),
        ("It rained.", "\n\nShe left.", "It rained.\n\nShe left."),
        ("It rained. ", " She left.", "It rained. She left."),
        ("It rained. ", "\n\nShe left.", "It rained.\n\nShe left."),
        ("It rained.\n\n", " She left.", "It rained.\n\nShe left."),
        ("It rained.\n\n", "\n\nShe left.", "It rained.\n\nShe left."),
        ("\n\n", "\n\nShe left.", "\n\n\n\nShe left."),
        ("It rai", "ned.", "It rained."),
        ("雨が降った。", "彼女は", "雨が降った。彼女は"),
        ("It rained.", "”", "It rained.”"),
        ("", "She left.", "She left."),
    ],
)
def test_a_blank_is_put_between_sentences_only(kept: str, text: str, becomes: str) -> None:
    assert joined(kept, text) == becomes


def test_a_text_begins_anew_when_it_repeats_what_was_kept_or_its_heading() -> None:
    assert begins_anew("# One\n\nIt rained.", "# One\n\nIt rained. She left.")
    assert begins_anew("# One\n\nIt rained.", "# One\n\nIt snowed.")
    assert not begins_anew("It rained. ", "It snowed.")
    assert not begins_anew("# One\n\nIt rained.", "# Two\n\nIt snowed.")


@pytest.mark.parametrize(
    ("pieces", "text", "mode"),
    [
        ([], "", ""),
        ([("# One\n\nA. ", "create"), ("B.", "append")], "# One\n\nA. B.", "create"),
        ([("A.", ""), ("A. B.", "")], "A. B.", ""),
        ([("# One\n\nA. ", "create"), ("# One\n\nOther. ", "")], "# One\n\nOther. ", "create"),
        ([("A.", "append"), ("New.", "overwrite"), ("More.", "append")], "New. More.", "overwrite"),
    ],
)
def test_pieces_make_one_text_unless_the_model_began_anew(pieces: list[tuple[str, str]], text: str, mode: str) -> None:
    assert whole(pieces) == (text, mode)


def evidence(staged: str | None, disk: str | None) -> Evidence:
    return Evidence(staged=None if staged is None else staged.encode(), disk=None if disk is None else disk.encode())


def test_a_passage_the_agent_removed_is_told_done_by_its_absence() -> None:
    before, intended = "One. Two. Three.", "One. Three."
    assert was_done(before, intended, evidence(None, "One. Three. Mine."))
    assert not was_done(before, intended, evidence(None, "One. Two. Three. Mine."))
    assert not was_done(before, intended, evidence(intended, None))
    assert not was_done(None, "New.", evidence("New.", None))
    assert was_done(None, "New.", evidence("Saved into.", "Saved into."))

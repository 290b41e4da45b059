"""What the author does reaches the agent exactly once, in its own words and with what it touches elsewhere."""

from studio import events as ev
from studio.agent.steering import Steering, replaced_words, where_else

TEXTS = {"": "", "one": "Mara rowed.\nThe sea slept.\n", "two": "Marta rowed.\nThe sea slept.\n"}
OTHERS = [("chapter_02.md", "Then Mara laughed, and Mara slept. So Mara said.")]


def fold(*events: ev.Event) -> Steering:
    steering = Steering()
    for event in events:
        steering.apply(event)
    return steering


def written(sha: str, seq: int = 1) -> ev.Event:
    return ev.FileWritten(file="chapter_01.md", sha256=sha, words=5, mode="create", seq=seq)


def edited(sha: str, seq: int = 2) -> ev.Event:
    return ev.AuthorEdited(file="chapter_01.md", sha256=sha, words=5, diff="…", seq=seq)


def message(steering: Steering) -> str:
    return steering.message(TEXTS.__getitem__, lambda file: OTHERS)


def test_an_edit_is_told_with_its_diff_and_where_the_old_fact_still_stands() -> None:
    told = message(fold(written("one"), edited("two")))
    assert "-Mara rowed." in told
    assert "+Marta rowed." in told
    assert "«Mara» in chapter_02.md (3)" in told


def test_what_a_step_carried_is_not_told_again() -> None:
    steering = fold(written("one"), edited("two"), ev.NoteGiven(text="Slower.", seq=3))
    assert steering.told() == (2, 3)
    steering.apply(ev.StepStarted(step=2, limit=300, message="…", told=(2, 3)))
    assert (steering.told(), message(steering)) == ((), "")


def test_a_change_taken_back_is_not_told_but_counts_as_told() -> None:
    steering = fold(written("one"), edited("two"), edited("one", seq=3))
    assert (steering.told(), message(steering)) == ((2, 3), "")


def test_several_saves_are_told_as_one_change_from_what_the_agent_knew() -> None:
    told = message(fold(edited("one", seq=1), edited("two", seq=2)))
    assert told.count("```diff") == 1
    assert "+Marta rowed." in told
    assert "Mara rowed" not in told


def test_notes_are_told_and_kept_word_for_word() -> None:
    steering = fold(ev.NoteGiven(text="More salt — less $sugar.", seq=1))
    assert "More salt — less $sugar." in message(steering)
    assert steering.notes == ["More salt — less $sugar."]


def test_an_answer_to_the_tool_is_told_by_its_result_alone() -> None:
    asked = fold(ev.QuestionAsked(text="Who?", seq=1), ev.AnswerGiven(text="Mara.", seq=2))
    assert asked.answer == "Mara."
    asked.apply(ev.ToolFinished(id="a", name="ask_author", ok=True, result="The author answers: Mara."))
    assert (asked.untold, asked.question) == ([], "")


def test_a_removed_file_is_told() -> None:
    assert "removed chapter_01.md" in message(fold(written("one"), edited("", seq=2)))


def test_only_names_and_figures_count_as_facts() -> None:
    assert replaced_words("Mara was 31, and old.", "Marta was 32, and tired.") == ["Mara", "31"]


def test_a_capital_that_only_begins_sentences_is_no_name() -> None:
    assert where_else(["Slowly"], [("a.md", "Slowly it sank. Slowly.")]) == []

"""What the author does reaches the agent exactly once, in its own words and with what it touches elsewhere."""

import random

from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.agent import telling
from studio.agent.steering import Steering
from studio.backends.tokens import estimate

TEXTS = {
    "one": "Mara rowed.\nThe sea slept.\n",
    "two": "Marta rowed.\nThe sea slept.\n",
    "agent": "Marta rowed.\nThe sea slept.\nThe agent wrote this.\n",
    "three": "Marta rowed.\nThe sea woke.\nThe agent wrote this.\n",
}
OTHERS = [("chapter_02.md", "Then Mara laughed, and Mara slept. So Mara said.")]


def fold(*events: ev.Event) -> Steering:
    steering = Steering()
    for event in events:
        steering.apply(event)
    return steering


def written(sha: str, seq: int = 1) -> ev.Event:
    return ev.FileWritten(file="chapter_01.md", sha256=sha, words=5, mode="create", seq=seq)


def edited(sha: str, seq: int = 2, before: str = "") -> ev.Event:
    return ev.AuthorEdited(file="chapter_01.md", sha256=sha, words=5, diff="…", seq=seq, before=before)


def message(steering: Steering, room: int = telling.ROOM) -> str:
    return telling.message(steering.now(), TEXTS.__getitem__, OTHERS, room)


def test_an_edit_is_told_with_its_diff_and_where_the_old_fact_still_stands() -> None:
    told = message(fold(written("one"), edited("two")))
    assert "-Mara rowed." in told
    assert "+Marta rowed." in told
    assert "Mara → Marta: the old one still stands in 3 places in 1 file: chapter_02.md (3)" in told


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


def test_what_the_agent_wrote_between_two_saves_is_not_told_as_the_authors() -> None:
    steering = fold(written("one"), edited("two", seq=2), written("agent", seq=3), edited("three", seq=4))
    told = message(steering)
    assert "+Marta rowed." in told and "+The sea woke." in told
    assert "+The agent wrote this." not in told
    assert steering.told() == (2, 4)


def test_a_save_found_late_is_told_against_the_text_it_was_made_from() -> None:
    """An editor saved into the file that the agent's write displaced: the author took nothing out of that."""
    late = [written("one"), written("agent", seq=2), edited("two", seq=3, before="one"), written("agent", seq=4)]
    told = message(fold(*late))
    assert "-Mara rowed." in told and "+Marta rowed." in told
    assert "The agent wrote this." not in told


STEPS = st.lists(st.tuples(st.sampled_from(["author", "agent", "step"]), st.sampled_from(sorted(TEXTS))), max_size=12)


@given(STEPS)
def test_every_save_is_told_once_and_no_write_of_the_agents_with_it(steps: list[tuple[str, str]]) -> None:
    steering, disk, told, saved = Steering(), "", [], []
    changes: set[tuple[str, str]] = set()
    for seq, (who, sha) in enumerate(steps, 1):
        if who == "author":
            saved.append(seq)
            changes.add((disk, sha))
        if who == "step":
            now = steering.now()
            told += now.told
            for edit in now.edits:  # each is made of nothing but the author's own changes, end to end
                reached, left = {edit.before}, True
                while left:
                    more = {after for before, after in changes if before in reached} - reached
                    reached, left = reached | more, bool(more)
                assert edit.after in reached
            steering.apply(ev.StepStarted(step=seq, limit=99, told=now.told, seq=seq))
            changes.clear()
        else:
            steering.apply(edited(sha, seq) if who == "author" else written(sha, seq))
            disk = sha
    assert [*told, *steering.told()] == saved


def test_notes_are_told_and_kept_word_for_word() -> None:
    steering = fold(ev.NoteGiven(text="More salt — less $sugar.", seq=1))
    assert "More salt — less $sugar." in message(steering)
    assert steering.notes == ["More salt — less $sugar."]


def test_an_answer_to_the_tool_is_told_by_its_result_alone() -> None:
    asked = fold(ev.QuestionAsked(text="Who?", seq=1), ev.AnswerGiven(text="Mara.", seq=2))
    assert asked.questions.answered == ("Who?", "Mara.")
    asked.apply(ev.ToolFinished(id="a", name="ask_author", ok=True, result="The author answers: Mara."))
    assert (asked.untold, asked.questions.open, asked.questions.answered) == ([], [], None)


def test_a_removed_file_is_told() -> None:
    assert "removed chapter_01.md" in message(fold(written("one"), edited("", seq=2)))


def test_however_much_was_edited_what_is_told_stays_bounded() -> None:
    chosen = random.Random(5)
    texts = {
        str(number): ". ".join(chosen.choice(["The tide", "A boat", "Luis", "海"]) * 9 for _ in range(150)) + "."
        for number in range(80)
    }
    steering = fold(
        *(ev.FileWritten(file=f"c{n}.md", sha256=str(n), words=1, mode="create", seq=n + 1) for n in range(40)),
        *(ev.AuthorEdited(file=f"c{n}.md", sha256=str(n + 40), words=1, diff="", seq=n + 50) for n in range(40)),
    )
    books = [(f"c{n}.md", texts[str(n + 40)]) for n in range(40)]
    for room in (telling.room_in(200_000), telling.room_in(8_192)):
        told = telling.message(steering.now(), texts.__getitem__, books, room)
        assert estimate(told) < 1.3 * room + 300
        assert "read_file" in told


def test_a_long_edit_is_cut_with_a_pointer_to_the_file() -> None:
    TEXTS["long"] = "\n".join(f"Line {number} of many." for number in range(5_000))
    told = message(fold(written("one"), edited("long")))
    assert estimate(told) < telling.ROOM
    assert "more lines; read_file gives you the whole text" in told

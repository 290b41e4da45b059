"""Revisions are a fold of the events: who, when, which step, and the book as it was at any of them."""

from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.book.history import History, Revision, files_of, number_at, of_file, same_files, state_at, words_over_time


def wrote(
    file: str, sha: str, words: int = 10, *, merged: bool = False, mode: str = "create", at: float = 0
) -> ev.Event:
    return ev.FileWritten(file=file, sha256=sha, words=words, mode=mode, merged=merged, at=at)


def edited(file: str, sha: str, words: int = 10, *, id: str = "", at: float = 0) -> ev.Event:
    return ev.AuthorEdited(file=file, sha256=sha, words=words, diff="", id=id, at=at)


def seen(revisions: list[Revision]) -> list[tuple[int, str, str, str, str]]:
    return [(r.number, r.who, r.file, r.before, r.sha256) for r in revisions]


def test_each_change_of_a_file_is_a_revision_with_its_maker_its_step_and_the_text_before() -> None:
    history = History(
        [
            edited("notes/a.md", "n", 4),
            ev.StepStarted(step=1, limit=300),
            wrote("a.md", "1", 100),
            ev.StepStarted(step=2, limit=300),
            edited("a.md", "2", 90),
            wrote("a.md", "3", 120, merged=True, mode="overwrite"),
            edited("a.md", "", 0),
        ]
    ).revisions
    assert seen(history) == [
        (1, "author", "notes/a.md", "", "n"),
        (2, "agent", "a.md", "", "1"),
        (3, "author", "a.md", "1", "2"),
        (4, "merge", "a.md", "2", "3"),
        (5, "author", "a.md", "3", ""),
    ]
    assert [r.step for r in history] == [0, 1, 2, 2, 2]
    assert [(r.words_added, r.words_removed) for r in history] == [(4, 0), (100, 0), (0, 10), (30, 0), (0, 120)]
    assert [r.why for r in history] == ["", "create", "", "overwrite", "removed"]
    assert list(words_over_time(history)) == [4, 104, 94, 124, 4]


def test_a_restore_is_the_authors_and_says_what_it_was_to_do() -> None:
    history = History(
        [
            wrote("a.md", "1"),
            wrote("a.md", "2"),
            ev.RestoreBegun(files={"a.md": "1"}, why="a.md as of revision 1"),
            edited("a.md", "1", id="restore.3.a.md"),
            ev.RestoreFinished(),
            edited("a.md", "4"),
        ]
    ).revisions
    assert [(r.who, r.why, r.restored) for r in history[2:]] == [
        ("author", "a.md as of revision 1", True),
        ("author", "", False),
    ]


def test_a_write_of_what_stood_there_is_no_revision() -> None:
    assert len(History([wrote("a.md", "1"), wrote("a.md", "1"), edited("a.md", "1")]).revisions) == 1


def test_a_renamed_file_keeps_its_past_and_frees_its_name() -> None:
    revisions = History(
        [wrote("a.md", "1"), ev.AuthorRenamed(file="a.md", to="b.md"), wrote("b.md", "2"), wrote("a.md", "3")]
    ).revisions
    assert seen(revisions) == [
        (1, "agent", "a.md", "", "1"),
        (2, "author", "b.md", "1", "1"),
        (3, "agent", "b.md", "1", "2"),
        (4, "agent", "a.md", "", "3"),
    ]
    assert [r.number for r in of_file(revisions, "b.md")] == [1, 2, 3]
    assert [r.number for r in of_file(revisions, "a.md")] == [4]
    assert [r.number for r in of_file(revisions[:3], "a.md")] == [1, 2]  # asked for by its old name
    assert state_at(revisions, 4) == {"a.md": "3", "b.md": "2"}
    assert state_at(revisions, 1) == {"a.md": "1"}
    assert files_of(revisions) == ["a.md", "b.md"]


def test_a_moment_is_the_last_revision_by_then() -> None:
    revisions = History([wrote("a.md", "1", at=10), edited("a.md", "2", at=20)]).revisions
    assert [number_at(revisions, moment) for moment in (9.9, 10, 15, 20, 99)] == [0, 1, 1, 2, 2]


changes = st.lists(
    st.tuples(st.sampled_from("wmea"), st.sampled_from(["a.md", "b.md", "c.md"]), st.sampled_from(["", "1", "2", "3"])),
    max_size=30,
)


@given(changes)
def test_the_state_at_each_revision_is_what_the_events_left_on_disk(told: list[tuple[str, str, str]]) -> None:
    disk: dict[str, str] = {}
    states = [dict(disk)]
    events: list[ev.Event] = []
    for kind, file, sha in told:
        event = edited(file, sha) if kind in "ea" or not sha else wrote(file, sha, merged=kind == "m")
        events.append(event)
        before = disk.get(file, "")
        disk[file] = sha
        if not sha:
            del disk[file]
        if before != sha:
            states.append(dict(disk))
    revisions = History(events).revisions
    assert [r.number for r in revisions] == list(range(1, len(revisions) + 1))
    assert [state_at(revisions, number) for number in range(len(revisions) + 1)] == states
    for earlier in states:
        put = {file: sha for file, sha in {**states[-1], **same_files(states[-1], earlier)}.items() if sha}
        assert put == earlier

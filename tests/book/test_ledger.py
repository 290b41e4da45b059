"""The ledger is a fold: who knows what of every file follows from the events alone."""

from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.book.ledger import Ledger

files = st.sampled_from(["a.md", "b.md"])
shas = st.sampled_from(["s1", "s2", "s3"])
ids = st.sampled_from(["1.0", "2.0"])
modes = st.sampled_from(["create", "append", "overwrite", "edit"])

events = st.lists(
    st.one_of(
        st.builds(
            ev.WriteIntended, id=ids, file=files, before=shas, sha256=shas, agent_sha256=shas, mode=modes, temp=shas
        ),
        st.builds(
            ev.FileWritten, file=files, sha256=shas, words=st.integers(0, 9), mode=modes, agent_sha256=shas, id=ids
        ),
        st.builds(
            ev.AuthorEdited, file=files, sha256=st.one_of(shas, st.just("")), words=st.integers(0, 9), diff=st.just("")
        ),
        st.builds(ev.FileRead, file=files, sha256=shas),
        st.builds(ev.PartialKept, file=files, sha256=shas, words=st.just(1), mode=st.just("")),
        st.just(ev.Resumed()),
    ),
    max_size=25,
)


def folded(history: list[ev.Event]) -> Ledger:
    ledger = Ledger()
    for number, event in enumerate(history, 1):
        ledger.apply(
            type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "seq": number, "at": number})
        )
    return ledger


@given(events)
def test_the_ledger_says_what_the_last_events_of_a_file_say(history: list[ev.Event]) -> None:
    ledger = folded(history)
    for file in ("a.md", "b.md"):
        of_file = [event for event in history if getattr(event, "file", "") == file]
        changes = [event for event in of_file if isinstance(event, (ev.FileWritten, ev.AuthorEdited))]
        views = [event for event in of_file if isinstance(event, (ev.FileWritten, ev.FileRead))]
        assert ledger.disk(file) == (changes[-1].sha256 if changes else "")
        assert ledger.words(file) == (changes[-1].words if changes else 0)
        assert (file in ledger.files()) == bool(changes and changes[-1].sha256)
        assert (file in ledger.removed_by_author()) == bool(changes and not changes[-1].sha256)
        who = {ev.FileWritten: "agent", ev.AuthorEdited: "author"}
        assert ledger.touched_by(file) == (who[type(changes[-1])] if changes else "")
        view = (views[-1].agent_sha256 if isinstance(views[-1], ev.FileWritten) else views[-1].sha256) if views else ""
        assert ledger.agent_view(file) == view
        ends = [n for n, event in enumerate(of_file) if isinstance(event, ev.FileWritten)]
        open_intents = [event for event in of_file[(ends or [-1])[-1] + 1 :] if isinstance(event, ev.WriteIntended)]
        unsettled = [(one.id, one.temp) for one in ledger.unsettled() if one.file == file]
        assert unsettled == [(one.id, one.temp) for one in open_intents[-1:]]
        assert ledger.expected(file) == {one.sha256 for one in open_intents}
        cleared = [n for n in ends if of_file[n].mode != "edit"]  # type: ignore[attr-defined]
        kept = [event for event in of_file[(cleared or [-1])[-1] + 1 :] if isinstance(event, ev.PartialKept)]
        assert [piece.sha256 for piece in ledger.pieces(file)] == [piece.sha256 for piece in kept]
        assert (ledger.partial(file) is None) == (not kept)


@given(events, events)
def test_folding_in_two_goes_is_folding_in_one(first: list[ev.Event], second: list[ev.Event]) -> None:
    whole, parts = folded(first + second), folded(first)
    for number, event in enumerate(second, len(first) + 1):
        fields = {field: getattr(event, field) for field in event.__struct_fields__}
        parts.apply(type(event)(**{**fields, "seq": number, "at": number}))
    assert vars(whole) == vars(parts)

"""The fold from events to panes: same text however the stream was cut, one line a call, nothing of a model obeyed."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.headless import describe
from studio.tui.feed import Feed, joined
from studio.tui.live import Live


class Page:
    """A pane that keeps what it was given."""

    def __init__(self) -> None:
        self.text = ""
        self.last = ""

    def append(self, text: str, style: str = "plain") -> None:
        self.text += text
        self.last = ""

    def line(self, text: str, style: str = "plain") -> None:
        self.text += f"\n{text}\n"
        self.last = ""

    def tail(self, text: str, style: str = "dim") -> None:
        self.last = text


def fed(*events: ev.Event) -> tuple[Feed, dict[str, Page]]:
    pages = {name: Page() for name in ("reasoning", "prose", "tools", "steering")}
    feed = Feed(**pages)
    for event in events:
        feed.apply(event)
    return feed, pages


DELTAS = st.one_of(
    st.builds(ev.ReasoningDelta, text=st.text(max_size=5)),
    st.builds(ev.ReplyDelta, text=st.text(max_size=5)),
    st.builds(ev.ProseDelta, file=st.sampled_from(["", "a.md", "b.md"]), text=st.text(max_size=5)),
    st.just(ev.ReplyFinished()),
    st.just(ev.StepStarted(step=1, limit=2)),
)


@given(st.lists(DELTAS, max_size=40))
def test_joining_deltas_changes_nothing_that_is_shown(events: list[ev.Event]) -> None:
    _, one_by_one = fed(*events)
    _, at_once = fed(*joined(events))
    assert {name: page.text for name, page in one_by_one.items()} == {name: page.text for name, page in at_once.items()}


@given(st.lists(DELTAS, max_size=40))
def test_joining_leaves_no_two_neighbours_of_a_kind(events: list[ev.Event]) -> None:
    kept = list(joined(events))
    for one, other in pairwise(kept):
        both = type(one) is type(other) and isinstance(one, ev.DELTAS)
        assert not both or getattr(one, "file", "") != getattr(other, "file", "")


def test_a_call_is_one_line_with_its_result() -> None:
    _, pages = fed(
        ev.ToolArriving(index=0, name="write_file"),
        ev.ProseDelta(file="chapter_01.md", text="Once upon a time"),
        ev.ToolStarted(id="1", name="write_file"),
        ev.ToolFinished(
            id="1", name="write_file", ok=True, result="wrote chapter_01.md: 4 words; the outline asks more"
        ),
        ev.ToolFinished(id="2", name="read_file", ok=False, result="There is no x.md; list_files shows them.\nmore"),
    )
    assert pages["tools"].text.split("\n\n") == [
        "\n✓ write_file chapter_01.md: 4 words",
        "✗ read_file There is no x.md; list_files shows them.\n",
    ]


def test_a_call_under_way_shows_its_file_and_words() -> None:
    _, pages = fed(ev.ToolArriving(index=0, name="write_file"), ev.ProseDelta(file="a.md", text="Once upon a time"))
    assert pages["tools"].last == "… write_file a.md: 4 words"


def test_prose_is_headed_by_its_file_once() -> None:
    _, pages = fed(
        ev.ProseDelta(file="a.md", text="one "),
        ev.ProseDelta(file="a.md", text="two"),
        ev.ReplyFinished(),
        ev.ProseDelta(file="b.md", text="three"),
    )
    assert pages["prose"].text.count("a.md") == 1
    assert pages["prose"].text.index("one two") < pages["prose"].text.index("b.md") < pages["prose"].text.index("three")


def test_prose_of_a_cut_reply_goes_on_in_its_sentence() -> None:
    _, pages = fed(
        ev.ProseDelta(file="a.md", text="The tide had "),
        ev.ReplyCut(why="the author cut it"),
        ev.ProseDelta(file="a.md", text="gone out."),
    )
    assert "The tide had gone out." in pages["prose"].text


def test_what_the_author_did_and_what_went_wrong_is_steering() -> None:
    _, pages = fed(
        ev.AuthorEdited(file="a.md", sha256="1", words=1200, diff=""),
        ev.AuthorEdited(file="b.md", sha256="", words=0, diff=""),
        ev.NoteGiven(text="keep\nthe whistle"),
        ev.FactChanged(file="a.md", old="Luis", new="Luca", places=12, files=("b", "c", "d", "e")),
        ev.MergeConflict(file="a.md", author="x", agent="y"),
        ev.BackendFault(error="The server is busy.", retry_in=4),
    )
    text = pages["steering"].text
    for wanted in (
        "edited a.md: 1,200 words",
        "removed b.md",
        "› keep the whistle",
        "≈ Luis → Luca: 12 places in 4 files",
        "yours stays",
        "busy. Again in 4 s.",
    ):
        assert wanted in text


SWITCHED = ev.BackendSwitched(
    backend="moonshot",
    model="kimi-k3",
    context=200_000,
    changes=("the window is 200,000 tokens instead of 32,000", "it costs $0.60 a million tokens in, $2.50 out"),
)


def test_a_second_version_that_a_sync_program_left_is_told_with_what_to_do() -> None:
    _, panes = fed(ev.ConflictCopyFound(file="a (Case Conflict).md", of="a.md"))
    assert "a sync program left a second version of a.md: a (Case Conflict).md; compare them and remove one" in (
        panes["steering"].text
    )


def test_a_switch_says_what_is_different_now_a_line_each() -> None:
    _, pages = fed(SWITCHED)
    assert pages["steering"].text.split("\n\n") == [
        "\n⇄ now kimi-k3 @ moonshot",
        "· the window is 200,000 tokens instead of 32,000",
        "· it costs $0.60 a million tokens in, $2.50 out\n",
    ]


def test_a_review_is_one_line_of_its_own_and_its_file_is_no_other_line() -> None:
    panes = [Page() for _ in range(4)]
    feed = Feed(reasoning=panes[0], prose=panes[1], tools=panes[2], steering=panes[3])
    feed.apply(ev.ChapterReviewed(file="a\n.md", sha256="1", round=2, scores={"voice": 6, "stakes": 8}, report="n.md"))
    assert panes[3].text == "\n★ a .md reviewed, round 2: 7.0 (voice 6, stakes 8), n.md\n"


def test_the_printer_says_what_is_different_too() -> None:
    assert describe(SWITCHED) == (
        "■ now kimi-k3 @ moonshot; the window is 200,000 tokens instead of 32,000; "
        "it costs $0.60 a million tokens in, $2.50 out"
    )


def test_the_estimate_grows_with_the_stream_and_ends_with_the_servers_count() -> None:
    live = Live()
    live.apply(ev.ReasoningDelta(text="x" * 420))
    live.apply(ev.ProseDelta(file="a", text="x" * 420))
    assert live.tokens == 200
    live.apply(ev.ReplyFinished())
    assert live.tokens == 200
    live.apply(ev.StepFinished(step=1, usage=ev.Usage(), context_tokens=1, cost=0))
    assert live.tokens == 0


def test_the_speed_is_that_of_the_last_seconds() -> None:
    live = Live()
    for tenth in range(60):
        live.apply(ev.ReasoningDelta(text="x" * 42))
        speed = live.tick(tenth / 10)
    assert 95 <= speed <= 105
    assert live.tick(60.0) == 0

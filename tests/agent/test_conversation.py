"""The conversation is a fold: it grows at its end only, pairs every call with its result, survives a cut anywhere."""

import json

from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.agent.conversation import Conversation
from studio.backends.backend import Message


def fold(*events: ev.Event) -> Conversation:
    conversation = Conversation()
    for event in events:
        conversation.apply(event)
    return conversation


START = ev.ConversationStarted(system="You write.", prompt="A sea story.")


def call(id: str, name: str = "list_files", **arguments: str) -> ev.ToolCall:
    return ev.ToolCall(id=id, name=name, arguments=json.dumps(arguments))


def step(number: int, *calls: ev.ToolCall, message: str = "", results: int | None = None) -> list[ev.Event]:
    done = len(calls) if results is None else results
    events: list[ev.Event] = [
        ev.StepStarted(step=number, limit=300, message=message),
        ev.ReasoningDelta(text="Let me "),
        ev.ReasoningDelta(text="think."),
        ev.ReplyDelta(text="Now."),
        ev.ReplyFinished(tool_calls=tuple(calls), finish_reason="tool_calls"),
    ]
    for one in calls[:done]:
        events += [
            ev.ToolStarted(id=one.id, name=one.name),
            ev.ToolFinished(id=one.id, name=one.name, ok=True, result=f"result of {one.id}"),
        ]
    if done == len(calls):
        events.append(ev.StepFinished(step=number, usage=ev.Usage(), context_tokens=0, cost=None))
    return events


def test_a_step_becomes_an_assistant_message_and_its_results() -> None:
    conversation = fold(START, *step(1, call("a"), call("b"), message="Hello."))
    assert [message.role for message in conversation.messages] == [
        "system",
        "user",
        "user",
        "assistant",
        "tool",
        "tool",
    ]
    assistant = conversation.messages[3]
    assert (assistant.reasoning, assistant.text) == ("Let me think.", "Now.")
    assert [message.tool_call_id for message in conversation.messages[4:]] == ["a", "b"]


def test_calls_without_a_result_are_pending_after_a_resume() -> None:
    conversation = fold(START, *step(1, call("a"), call("b"), call("c"), results=1))
    assert [pending.id for pending in conversation.pending] == ["b", "c"]
    assert not conversation.step_finished


def test_ids_that_repeat_across_steps_pair_by_order() -> None:
    conversation = fold(START, *step(1, call("x_0")), *step(2, call("x_0"), call("x_0")))
    roles = [message.role for message in conversation.messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "tool", "tool"]
    assert conversation.pending == []


def test_a_cut_reply_leaves_no_trace_but_its_prose() -> None:
    conversation = fold(
        START,
        ev.StepStarted(step=1, limit=300),
        ev.ReasoningDelta(text="hm"),
        ev.ProseDelta(file="", text="The "),
        ev.ProseDelta(file="chapter_01.md", text="sea."),
        ev.ReplyCut(why="cut"),
    )
    assert [message.role for message in conversation.messages] == ["system", "user"]
    assert [(part.file, part.text) for part in conversation.partial_prose()] == [("chapter_01.md", "The sea.")]
    again = fold(START, ev.StepStarted(step=1, limit=300), ev.ReplyCut(why="cut"), ev.StepStarted(step=1, limit=300))
    assert again.partial_prose() == []


def test_an_empty_reply_is_no_message_and_counts_as_idle() -> None:
    conversation = fold(START, ev.StepStarted(step=1, limit=300), ev.ReplyFinished(finish_reason="stop"))
    assert [message.role for message in conversation.messages] == ["system", "user"]
    assert conversation.idle_replies == 1


def test_a_write_that_reached_the_disk_answers_as_intended() -> None:
    one = call("a", "write_file")
    intent = ev.WriteIntended(
        id="1.0", file="a.md", before="", sha256="s", agent_sha256="s", mode="create", temp="t", result="wrote a.md"
    )
    written = ev.FileWritten(file="a.md", sha256="s", words=1, mode="create", id="1.0")
    before_the_disk = fold(START, *step(1, one, results=0), intent)
    assert before_the_disk.settled == {}
    assert fold(START, *step(1, one, results=0), intent, written).settled == {"1.0": "wrote a.md"}


def test_compression_keeps_the_first_messages_and_never_parts_a_pair() -> None:
    compress = ev.ToolCall(id="c", name="compress_context", arguments="{}")
    conversation = fold(START, *step(1, call("a")), *step(2, compress))
    assert conversation.compression_asked
    conversation.apply(ev.ContextCompressed(before=100, after=10, summary="What was."))
    assert [(message.role, message.text) for message in conversation.messages] == [
        ("system", "You write."),
        ("user", "A sea story."),
        ("user", "What was."),
    ]
    assert not conversation.compression_asked


def test_the_author_speaking_reopens_a_finished_book() -> None:
    finish = ev.ToolCall(id="f", name="finish", arguments='{"summary":"Done."}')
    events: list[ev.Event] = [START, *step(1, finish)]
    assert fold(*events).finished == "result of f"
    assert fold(*events, ev.NoteGiven(text="One more chapter.")).finished == ""


histories = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.text(max_size=5), st.booleans()), min_size=1, max_size=12
)


@given(histories)
def test_messages_only_grow_and_every_result_follows_its_call(
    history: list[tuple[int, bool, str, bool]],
) -> None:
    conversation = fold(START)
    before: list[Message] = []
    for number, (calls, cut, message, again) in enumerate(history, 1):
        if cut:
            for event in (
                ev.StepStarted(step=number, limit=300, message=message),
                ev.ReplyDelta(text="half"),
                ev.ReplyCut(why="cut"),
            ):
                conversation.apply(event)
        for event in step(number, *(call(f"c{n}") for n in range(calls)), message=message if again else ""):
            conversation.apply(event)
            assert conversation.messages[: len(before)] == before
            before = list(conversation.messages)
    open_calls: list[str] = []
    for item in conversation.messages:
        if item.role == "tool":
            assert open_calls.pop(0) == item.tool_call_id
        else:
            assert open_calls == []
            open_calls = [one.id for one in item.tool_calls]


@given(st.sets(st.integers(0, 60)))
def test_a_record_with_holes_still_pairs_every_call_with_a_result(holes: set[int]) -> None:
    events = [START]
    for number in range(1, 7):
        events += step(number, call(f"a{number}"), call(f"b{number}"))
        events.append(ev.StepFinished(step=number, usage=ev.Usage(), context_tokens=1, cost=None))
    kept = [event for place, event in enumerate(events) if place not in holes]
    messages = fold(*kept, ev.StepStarted(step=9, limit=300)).messages
    waiting: list[str] = []
    for message in messages:
        if message.role == "tool":
            assert message.tool_call_id == waiting.pop(0)
        else:
            assert not waiting
            waiting = [one.id for one in message.tool_calls]
    assert not waiting

"""However a server tells a reply, the same reply comes out, and what was emitted adds up to it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.backend import Reply
from studio.backends.partial_json import parse_arguments
from studio.backends.reply import ReplyBuilder
from studio.events import Event, ProseDelta, ReasoningDelta, ReplyDelta, ToolArriving, ToolCall, Usage

Delta = dict[str, Any]


def build(chunks: Sequence[Any]) -> tuple[Reply, list[Event]]:
    found: list[Event] = []
    builder = ReplyBuilder(found.append)
    for chunk in chunks:
        builder.feed(chunk)
    builder.close()
    return builder.finish(), found


def of(*deltas: Delta, finish: str | None = "stop") -> tuple[Reply, list[Event]]:
    return build([*(chunk(delta) for delta in deltas), chunk({}, finish)])


def chunk(delta: Delta | None, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index: Any = None, id: Any = None, name: Any = None, arguments: Any = None, **rest: Any) -> dict[str, Any]:
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **rest}


def calls(*pieces: dict[str, Any]) -> Delta:
    return {"tool_calls": list(pieces)}


def shown(events: Sequence[Event], kind: type[ReasoningDelta] | type[ReplyDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def prose(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ProseDelta))


# --- any reply, any server ------------------------------------------------------------------------------------------

plain = st.text(st.characters(codec="utf-8", exclude_characters="<"), max_size=40)
file_names = st.sampled_from(["chapter_01.md", "outline.md", "bible/é.md"])
arguments = st.fixed_dictionaries({"filename": file_names, "content": plain, "mode": st.just("create")})
tool_calls = st.lists(st.tuples(st.sampled_from(["write_file", "read_file"]), arguments), max_size=3)


def reasoning_content(text: str) -> Delta:
    return {"content": None, "reasoning_content": text}


def reasoning(text: str) -> Delta:
    return {"content": "", "reasoning": text}


def twice(text: str) -> Delta:
    return {
        "content": "",
        "reasoning": text,
        "reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}],
    }


def details_only(text: str) -> Delta:
    return {"reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]}


def with_index(number: int, id_: str, name: str) -> tuple[Delta, Callable[[str], Delta]]:
    return calls(call(number, id_, name, "")), lambda piece: calls(call(number, None, None, piece))


def with_high_index(number: int, id_: str, name: str) -> tuple[Delta, Callable[[str], Delta]]:
    return with_index(number * 2 + 1, id_, name)


def without_index(number: int, id_: str, name: str) -> tuple[Delta, Callable[[str], Delta]]:
    return calls(call(None, id_, name)), lambda piece: calls(call(None, None, None, piece))


def repeating_all(number: int, id_: str, name: str) -> tuple[Delta, Callable[[str], Delta]]:
    return calls(call(number, id_, name, "")), lambda piece: calls(call(number, id_, name, piece))


def repeating_empty(number: int, id_: str, name: str) -> tuple[Delta, Callable[[str], Delta]]:
    return calls(call(number, id_, name, "")), lambda piece: calls(call(number, "", "", piece))


def by_id_only(number: int, id_: str, name: str) -> tuple[Delta, Callable[[str], Delta]]:
    return calls(call(None, id_, name, "")), lambda piece: calls(call(None, id_, None, piece))


def all_index_zero(number: int, id_: str, name: str) -> tuple[Delta, Callable[[str], Delta]]:
    return calls(call(0, id_, name, "")), lambda piece: calls(call(0, None, None, piece))


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@given(
    plain,
    plain,
    tool_calls,
    st.sampled_from([reasoning_content, reasoning, twice, details_only]),
    st.sampled_from(
        [with_index, with_high_index, without_index, repeating_all, repeating_empty, by_id_only, all_index_zero]
    ),
    st.integers(1, 9),
    st.booleans(),
)
def test_the_same_reply_comes_out_of_every_dialect(
    thought: str,
    text: str,
    wanted: list[tuple[str, dict[str, str]]],
    think: Callable[[str], Delta],
    dialect: Callable[[int, str, str], tuple[Delta, Callable[[str], Delta]]],
    size: int,
    escaped: bool,
) -> None:
    deltas: list[Delta] = [{"role": "assistant"}, *map(think, cut(thought, size))]
    deltas += [{"content": piece, "reasoning_content": None} for piece in cut(text, size)]
    expected = []
    for number, (name, values) in enumerate(wanted):
        raw = json.dumps(values, ensure_ascii=escaped)
        first, further = dialect(number, f"id_{number}", name)
        deltas += [first, *map(further, cut(raw, size))]
        expected.append(ToolCall(id=f"id_{number}", name=name, arguments=raw))
    reply, events = of(*deltas)
    assert (reply.reasoning, reply.text) == (thought, text)
    assert list(reply.tool_calls) == expected
    assert shown(events, ReasoningDelta) == thought
    assert shown(events, ReplyDelta) == text
    assert prose(events) == "".join(values["content"] for name, values in wanted if name == "write_file")
    assert [event.name for event in events if isinstance(event, ToolArriving)] == [name for name, _ in wanted]


@given(plain, plain, plain, st.integers(1, 12))
def test_thought_in_tags_is_told_from_text_wherever_the_tags_are_cut(
    before: str, thought: str, text: str, size: int
) -> None:
    deltas = [{"content": piece} for piece in cut(f"{before}<think>{thought}</think>{text}", size)]
    reply, events = of(*deltas)
    assert (reply.reasoning, reply.text) == (thought, before + text)
    assert (shown(events, ReasoningDelta), shown(events, ReplyDelta)) == (thought, before + text)


@given(st.text("<>/thinkd|_ a", max_size=60), st.integers(1, 7))
def test_text_without_a_whole_tag_is_kept_to_the_letter(text: str, size: int) -> None:
    if "<think>" in text or "</think>" in text:
        return
    reply, events = of(*({"content": piece} for piece in cut(text, size)))
    assert (reply.text, shown(events, ReplyDelta)) == (text, text)


# --- thought --------------------------------------------------------------------------------------------------------


def test_a_closing_tag_alone_makes_what_came_before_it_thought() -> None:
    reply, _ = of({"content": "Let me see. </thi"}, {"content": "nk>The sea."})
    assert (reply.reasoning, reply.text) == ("Let me see. ", "The sea.")


def test_text_after_a_closing_tag_in_the_reasoning_field_is_text() -> None:
    reply, _ = of({"reasoning_content": "Hm.</think>"}, {"reasoning_content": "The sea."})
    assert (reply.reasoning, reply.text) == ("Hm.", "The sea.")


def test_a_summary_of_all_details_at_the_end_is_not_a_second_thought() -> None:
    details = [{"type": "reasoning.text", "text": "Hm. Yes.", "index": 0}]
    reply, _ = of({"reasoning": "Hm. "}, {"reasoning": "Yes."}, {"reasoning_details": details})
    assert reply.reasoning == "Hm. Yes."
    assert reply.reasoning_details == details


def test_details_are_put_together_as_they_are_to_be_sent_back() -> None:
    def piece(**values: Any) -> Delta:
        return {"reasoning_details": [{"type": "reasoning.text", "format": "x", "index": 0, **values}]}

    sealed = {"type": "reasoning.encrypted", "data": "abc", "index": 0}
    reply, _ = of(
        piece(text="Hm. "), piece(text="Yes.", signature=None), piece(signature="s"), {"reasoning_details": [sealed]}
    )
    assert reply.reasoning_details == [
        {"type": "reasoning.text", "format": "x", "index": 0, "text": "Hm. Yes.", "signature": "s"},
        sealed,
    ]


def test_a_thought_among_content_parts_is_thought() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    reply, _ = of({"content": [thinking]}, {"content": [{"type": "text", "text": "The sea."}]})
    assert (reply.reasoning, reply.text) == ("Hm.", "The sea.")


# --- calls ----------------------------------------------------------------------------------------------------------


def test_arguments_may_come_before_the_name() -> None:
    reply, events = of(calls(call(0, "a", None, '{"content": "x')), calls(call(0, None, "write_file", 'y"}')))
    assert reply.tool_calls == (ToolCall(id="a", name="write_file", arguments='{"content": "xy"}'),)
    assert prose(events) == "xy"


def test_arguments_may_come_as_an_object() -> None:
    reply, events = of(calls(call(0, "a", "write_file", {"filename": "é.md", "content": "x"})))
    assert parse_arguments(reply.tool_calls[0].arguments) == {"filename": "é.md", "content": "x"}
    assert prose(events) == "x"


def test_several_whole_calls_may_come_in_one_chunk() -> None:
    reply, _ = of(calls(call(0, "a", "read_file", '{"filename": "a"}'), call(0, "b", "read_file", '{"filename": "b"}')))
    assert [(c.id, c.arguments) for c in reply.tool_calls] == [("a", '{"filename": "a"}'), ("b", '{"filename": "b"}')]


def test_a_fresh_id_with_every_piece_does_not_make_a_new_call() -> None:
    pieces = [call(0, f"id{n}", "write_file", piece) for n, piece in enumerate(['{"content', '": "x', 'y"}'])]
    reply, _ = of(*map(calls, pieces))
    assert [(c.id, c.arguments) for c in reply.tool_calls] == [("id0", '{"content": "xy"}')]


def test_an_index_that_comes_late_belongs_to_the_call_that_has_begun() -> None:
    reply, _ = of(calls(call(None, "a", "write_file", '{"content": ')), calls(call(0, None, None, '"x"}')))
    assert [c.arguments for c in reply.tool_calls] == ['{"content": "x"}']


def test_missing_and_repeated_ids_become_ids_that_differ() -> None:
    reply, _ = of(calls(call(0, "x", "a", "{}")), calls(call(1, "x", "b", "{}")), calls(call(2, None, "c", "{}")))
    assert [c.id for c in reply.tool_calls] == ["x", "x_", "call_2"]


def test_a_name_is_found_in_the_id_if_nowhere_else() -> None:
    reply, _ = of(calls(call(0, "functions.read_file:3", "", "{}")))
    assert reply.tool_calls[0].name == "read_file"


def test_blanks_after_complete_arguments_are_no_part_of_them() -> None:
    reply, _ = of(calls(call(0, "a", "list_files", "{}")), *[calls(call(0, None, None, " \n"))] * 5)
    assert reply.tool_calls[0].arguments == "{}"


def test_empty_pieces_are_no_calls() -> None:
    reply, events = of({"tool_calls": []}, {"tool_calls": None}, calls({}, call(0), {"index": 1, "function": None}))
    assert (reply.tool_calls, events) == ((), [])


# --- calls that leaked into the text ----------------------------------------------------------------------------------

K2 = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.write_file:4<|tool_call_argument_begin|>"
    '{"filename": "a.md", "content": "A < B"}<|tool_call_end|><|tool_call_begin|>functions.list_files:5'
    "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>"
)
K3 = (
    '<|open|>tools<|sep|><|open|>call tool="write_file" index="1"<|sep|>'
    '<|open|>argument key="filename" type="string"<|sep|>a.md<|close|>argument<|sep|>'
    '<|open|>argument key="content" type="string"<|sep|>A < "B"\n<|close|>argument<|sep|>'
    '<|open|>argument key="count" type="number"<|sep|>3<|close|>argument<|sep|><|close|>call<|sep|>'
    "<|close|>tools<|sep|><|close|>message<|sep|><|end_of_msg|>"
)


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
@pytest.mark.parametrize("size", range(1, 40))
def test_calls_leaked_by_kimi_k2_are_calls_and_never_shown(field: str, size: int) -> None:
    reply, events = of(*({field: piece} for piece in cut("I write." + K2 + "Done.", size)))
    assert reply.text + reply.reasoning == "I write.Done."
    assert [(c.id, c.name) for c in reply.tool_calls] == [
        ("functions.write_file:4", "write_file"),
        ("functions.list_files:5", "list_files"),
    ]
    assert parse_arguments(reply.tool_calls[0].arguments) == {"filename": "a.md", "content": "A < B"}
    assert prose(events) == "A < B"
    assert "|>" not in shown(events, ReplyDelta) + shown(events, ReasoningDelta) + prose(events)


@pytest.mark.parametrize("size", range(1, 40))
def test_calls_leaked_by_kimi_k3_are_calls_and_never_shown(size: int) -> None:
    text = "<|open|>think<|sep|>Hm.<|close|>think<|sep|><|open|>response<|sep|>I write.<|close|>response<|sep|>" + K3
    reply, events = of(*({"content": piece} for piece in cut(text, size)))
    assert (reply.reasoning, reply.text) == ("Hm.", "I write.")
    assert [(c.id, c.name) for c in reply.tool_calls] == [("call_0", "write_file")]
    assert parse_arguments(reply.tool_calls[0].arguments) == {"filename": "a.md", "content": 'A < "B"\n', "count": 3}
    assert prose(events) == 'A < "B"\n'


def test_a_call_that_leaked_and_was_sent_as_well_is_one_call() -> None:
    proper = calls(call(0, "x", "write_file", '{"filename": "a.md", "content": "A < B"}'))
    reply, _ = of({"content": K2}, proper)
    assert [c.name for c in reply.tool_calls] == ["list_files", "write_file"]


def test_prose_of_a_leaked_call_that_was_cut_is_shown() -> None:
    _, events = of({"content": K2[: K2.index(" < B")]}, finish=None)
    assert prose(events) == "A"


def test_the_words_of_a_marker_too_long_to_be_one_are_kept() -> None:
    reply, _ = of({"content": "<|open|>" + "word " * 100})
    assert reply.text == "word " * 100


# --- odds and ends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk({"content": "x"}, "stop"), {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}],
        [chunk({"content": "x"}), {"choices": [{"delta": {}, "usage": {"prompt_tokens": 9, "completion_tokens": 3}}]}],
        [chunk({"content": "x"}), {"choices": None, "usage": {"prompt_tokens": 9.0, "completion_tokens": 3}}],
        [
            chunk({"content": "x"}),
            {"usage": {"prompt_tokens": 9, "completion_tokens": 3}},
            {"usage": {"prompt_tokens": 0, "completion_tokens": 0}},
            {"usage": {"prompt_tokens": None}},
        ],
    ],
)
def test_usage_is_found_wherever_it_is(chunks: list[Any]) -> None:
    assert build(chunks)[0].usage == Usage(prompt_tokens=9, completion_tokens=3)


@pytest.mark.parametrize(
    "cached",
    [
        {"cached_tokens": 5},
        {"prompt_tokens_details": {"cached_tokens": 5}},
        {"cached_tokens": 0, "prompt_tokens_details": {"cached_tokens": 5}},
        {"prompt_cache_hit_tokens": 5, "prompt_tokens_details": None},
    ],
)
def test_cached_tokens_are_found_under_every_name(cached: dict[str, Any]) -> None:
    reply, _ = build([{"usage": {"prompt_tokens": 9, "completion_tokens": 3, **cached}}])
    assert reply.usage == Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=5)


def test_a_pair_of_surrogates_cut_between_two_chunks_is_one_character() -> None:
    reply, events = of({"content": "a\ud83d"}, {"content": "\ude00b\ud83d"}, {"content": "c"})
    assert reply.text == "a😀b\ufffdc"
    assert shown(events, ReplyDelta) == reply.text


def test_other_choices_are_not_ours() -> None:
    reply, _ = build([{"choices": [{"index": 1, "delta": {"content": "no"}}]}, chunk({"content": "yes"}, "stop")])
    assert reply.text == "yes"


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "choices",
                            "delta",
                            "index",
                            "content",
                            "reasoning",
                            "reasoning_details",
                            "tool_calls",
                            "function",
                            "name",
                            "arguments",
                            "id",
                            "usage",
                            "prompt_tokens",
                            "prompt_tokens_details",
                            "finish_reason",
                            "message",
                            "type",
                            "text",
                            "thinking",
                        ]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=25,
        ),
        max_size=5,
    )
)
def test_no_chunk_whatever_its_shape_breaks_the_builder(chunks: list[Any]) -> None:
    build(chunks)
    build([{"choices": [{"delta": value}]} for value in chunks])
    build([{"choices": [{"delta": {"tool_calls": value, "content": value}}]} for value in chunks])

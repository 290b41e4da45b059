"""Every server gets the conversation as it takes it, and a message's bytes never depend on what follows."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.backend import Message, Sampling, ToolSpec
from studio.backends.catalog import presets
from studio.backends.dialects import Dialect, sendable
from studio.events import ToolCall

CALL = ToolCall(id="c1", name="write_file", arguments='{"filename": "a"}')
texts = st.text(st.characters(codec="utf-8"), max_size=20)
tool_calls = st.lists(st.builds(ToolCall, id=texts, name=texts, arguments=texts), max_size=3).map(tuple)
details = st.none() | st.just([{"type": "reasoning.text", "text": "Hm.", "index": 0}])
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    text=texts,
    reasoning=texts,
    reasoning_details=details,
    tool_calls=tool_calls,
    tool_call_id=texts,
)
dialects = pytest.mark.parametrize("dialect", [p.dialect for p in presets().values()], ids=list(presets()))


@dialects
@given(st.lists(messages, max_size=6), st.integers(0, 6))
def test_a_message_is_the_same_bytes_whatever_follows(
    dialect: Dialect, conversation: list[Message], length: int
) -> None:
    whole = [msgspec.json.encode(message) for message in dialect.messages(conversation)]
    assert [msgspec.json.encode(message) for message in dialect.messages(conversation[:length])] == whole[:length]


@dialects
@given(st.lists(messages, max_size=6))
def test_no_message_is_empty_and_all_arguments_are_objects(dialect: Dialect, conversation: list[Message]) -> None:
    for message in dialect.messages(conversation):
        assert message.get("content") or message.get("tool_calls")
        assert "content" not in message or message["content"] != ""
        for call in message.get("tool_calls", []):
            assert isinstance(json.loads(call["function"]["arguments"]), dict)


@pytest.mark.parametrize(
    ("preset", "field"),
    [
        ("moonshot", "reasoning_content"),
        ("llamacpp", "reasoning_content"),
        ("openai", "reasoning_content"),
        ("ollama", "reasoning"),
        ("vllm", "reasoning"),
        ("openrouter", "reasoning"),
    ],
)
def test_reasoning_goes_back_under_the_name_the_server_knows(preset: str, field: str) -> None:
    message = Message(role="assistant", reasoning="Hm.", tool_calls=(CALL,))
    [rendered] = presets()[preset].dialect.messages([message])
    assert rendered[field] == "Hm."
    assert {key for key in rendered if key.startswith("reasoning")} == {field}
    assert "content" not in rendered


def test_moonshot_gets_a_blank_where_a_call_has_no_reasoning() -> None:
    moonshot = presets()["moonshot"].dialect
    [with_call, without] = moonshot.messages(
        [Message(role="assistant", tool_calls=(CALL,)), Message(role="assistant", text="Yes.")]
    )
    assert with_call["reasoning_content"] == " "
    assert "reasoning_content" not in without


def test_openrouter_gets_its_details_back_as_they_came_and_nobody_else_does() -> None:
    given_details = [{"type": "reasoning.text", "text": "Hm.", "signature": "s", "index": 0}]
    message = Message(role="assistant", reasoning="Hm.", reasoning_details=given_details, tool_calls=(CALL,))
    [rendered] = presets()["openrouter"].dialect.messages([message])
    assert rendered["reasoning_details"] == given_details
    assert "reasoning" not in rendered
    for name in ("moonshot", "openai", "vllm", "ollama"):
        assert "reasoning_details" not in presets()[name].dialect.messages([message])[0]


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{ "a":1 }', '{ "a":1 }'),
        ("", "{}"),
        ('{"a": "line\nbreak"}', '{"a": "line\\nbreak"}'),
        ('{"content": "cut of', '{"content": "cut of"}'),
        ("not json", '{"malformed": "not json"}'),
        ("[1]", '{"malformed": "[1]"}'),
    ],
)
def test_broken_arguments_never_poison_the_history(arguments: str, sent: str) -> None:
    assert sendable(arguments) == sent


def test_nothing_is_asked_of_the_sampling_unless_someone_asks() -> None:
    for preset in presets().values():
        assert preset.dialect.options(Sampling(), 1000) == {}


def test_what_a_server_refuses_is_not_sent() -> None:
    wish = Sampling(temperature=0.5, max_tokens=500, stop=("#",))
    assert presets()["moonshot"].dialect.options(wish, 1000) == {"max_completion_tokens": 500, "stop": ["#"]}
    expected: dict[str, Any] = {"max_tokens": 500, "stop": ["#"], "temperature": 0.5}
    assert presets()["openai"].dialect.options(wish, 1000) == expected


def test_a_reply_is_never_asked_to_be_longer_than_what_is_left_of_the_window() -> None:
    assert Dialect().options(Sampling(max_tokens=500), 100) == {"max_tokens": 100}
    assert Dialect(max_output=400).options(Sampling(), 1000) == {"max_tokens": 400}
    assert Dialect(max_output=400).options(Sampling(max_tokens=300), 1000) == {"max_tokens": 300}
    assert Dialect().options(Sampling(max_tokens=500), -10)["max_tokens"] > 0


def test_tools_keep_their_order() -> None:
    tools = [ToolSpec(name=name, description="d", parameters={"type": "object"}) for name in "cab"]
    assert [tool["function"]["name"] for tool in Dialect().tools(tools)] == ["c", "a", "b"]

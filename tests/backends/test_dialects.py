"""Every server gets the conversation as it takes it, and a message's bytes never depend on what follows."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.backend import Message, Sampling, ToolSpec
from studio.backends.dialects import Dialect, sendable
from studio.backends.presets import presets
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
        options = preset.dialect.options(Sampling(), 1_000_000, "a book")
        assert options.keys() <= {"stream_options", "max_completion_tokens", "prompt_cache_key"}


def test_usage_is_asked_for_and_a_cache_is_named_where_that_is_understood() -> None:
    assert presets()["moonshot"].dialect.options(Sampling(), 1_000_000, "a book")["prompt_cache_key"] == "a book"
    assert "prompt_cache_key" not in presets()["vllm"].dialect.options(Sampling(), 1_000_000, "a book")
    assert Dialect().options(Sampling(), 1000)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in Dialect(usage_option=False).options(Sampling(), 1000)


def test_a_call_is_demanded_only_where_that_is_no_error() -> None:
    demand = Sampling(must_call=True)
    kind = presets()
    assert kind["llamacpp"].dialect.options(demand, 1000)["tool_choice"] == "required"
    assert kind["moonshot"].dialect_for("kimi-k3").options(demand, 1000)["tool_choice"] == "required"
    for other in (kind["moonshot"].dialect_for("kimi-k2.6"), kind["ollama"].dialect, kind["openrouter"].dialect):
        assert "tool_choice" not in other.options(demand, 1000)


def test_what_a_server_refuses_is_not_sent() -> None:
    wish = Sampling(temperature=0.5, max_tokens=500, stop=("#",))
    usage: dict[str, Any] = {"stream_options": {"include_usage": True}}
    moonshot = {"max_completion_tokens": 500, "stop": ["#"]}
    assert presets()["moonshot"].dialect.options(wish, 1000) == usage | moonshot
    others = {"max_tokens": 500, "stop": ["#"], "temperature": 0.5}
    assert presets()["openai"].dialect.options(wish, 1000) == usage | others


def test_a_reply_is_never_asked_to_be_longer_than_what_is_left_of_the_window() -> None:
    assert Dialect().options(Sampling(max_tokens=500), 100)["max_tokens"] == 100
    assert Dialect(max_output=400).options(Sampling(), 1000)["max_tokens"] == 400
    assert Dialect(max_output=400).options(Sampling(max_tokens=300), 1000)["max_tokens"] == 300
    assert Dialect().options(Sampling(max_tokens=500), -10)["max_tokens"] > 0


def test_tools_keep_their_order() -> None:
    tools = [ToolSpec(name=name, description="d", parameters={"type": "object"}) for name in "cab"]
    assert [tool["function"]["name"] for tool in Dialect().tools(tools)] == ["c", "a", "b"]


@pytest.mark.parametrize("name", ["openai", "vllm", "llamacpp", "lmstudio"])
@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_a_thought_goes_back_under_the_name_that_the_server_itself_used(name: str, field: str) -> None:
    [rendered] = presets()[name].dialect.hearing(field).messages([Message(role="assistant", text="x", reasoning="Hm.")])
    assert rendered == {"role": "assistant", "content": "x", field: "Hm."}


@pytest.mark.parametrize("name", ["moonshot", "openrouter", "ollama"])
def test_a_server_whose_rule_is_known_is_not_taken_by_its_word(name: str) -> None:
    dialect = presets()[name].dialect
    assert dialect.hearing("reasoning_content") == dialect == dialect.hearing("reasoning")


def test_what_came_beside_a_call_goes_back_to_where_it_came_from_only() -> None:
    signed = ToolCall(id="c1", name="write_file", arguments="{}", extra='{"google": {"thought_signature": "s"}}')
    message = Message(role="assistant", tool_calls=(signed,))
    dialect = presets()["openai"].dialect
    assert "extra_content" not in dialect.messages([message])[0]["tool_calls"][0]
    body = msgspec.json.encode(dialect.hearing("", extras=True).messages([message]))
    assert json.loads(body)[0]["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "s"}}


def test_neighbouring_words_of_the_author_become_one_where_turns_are_insisted_on() -> None:
    said = [Message(role="user", text="one"), Message(role="user", text="two"), Message(role="assistant", text="three")]
    assert [message["content"] for message in Dialect(merges_users=True).messages(said)] == ["one\n\ntwo", "three"]
    assert len(Dialect().messages(said)) == 3

"""A server's refusal, in its own words, becomes the dialect it wants; what is no such word changes nothing."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.adapting import lesson
from studio.backends.dialects import Dialect

PLAIN = Dialect(cache_key=True, extra_body={"thinking": {"type": "enabled"}})

# What servers say: Fireworks, Groq, OpenAI, Moonshot, DeepSeek, Mistral, Anthropic behind a reseller, llama.cpp.
SAID: list[tuple[str, dict[str, Any]]] = [
    (
        "Extra inputs are not permitted, field: 'messages[2].assistant.reasoning_content', value: 'Hm.'",
        {"reasoning_field": ""},
    ),
    ("property 'messages.3.reasoning_content' is unsupported, did you mean 'role'?", {"reasoning_field": ""}),
    ("body.prompt_cache_key: Extra inputs are not permitted", {"cache_key": False}),
    ("Unrecognized request argument supplied: prompt_cache_key", {"cache_key": False}),
    ("Unknown parameter: 'stream_options.include_usage'.", {"usage_option": False}),
    ("stream_options is not supported by this model", {"usage_option": False}),
    ("tool_choice 'required' is incompatible with thinking enabled", {"must_call": False}),
    ("invalid argument: temperature is not supported with this model", {"sampling": False}),
    ("thinking: Extra inputs are not permitted", {"extra_body": {}}),
    (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        {"max_tokens_field": "max_completion_tokens"},
    ),
    (
        "max_tokens is too large: 131072. This model supports at most 16384 completion tokens, you provided 131072.",
        {"max_output": 16384},
    ),
    (
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 4",
        {"reasoning_field": "reasoning_content", "reasoning_always": True},
    ),
    (
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
        {"reasoning_field": "reasoning_content", "reasoning_always": True},
    ),
    ("Tool call id was call_x1 but must be a-z, A-Z, 0-9, with a length of 9.", {"tool_ids": "nine"}),
    ("messages.3.content.1.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", {"tool_ids": "strict"}),
    (
        "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40",
        {"tool_ids": "strict"},
    ),
    ("messages.5: `tool_use` ids must be unique", {"tool_ids": "strict"}),
    ("Conversation roles must alternate user/assistant/user/assistant/...", {"merges_users": True}),
    ("messages.2.content: Field required", {"content_always": True}),
    ("Missing 'content' in messages[2]", {"content_always": True}),
]


@pytest.mark.parametrize(("said", "changes"), SAID, ids=[said[:40] for said, _ in SAID])
def test_a_refusal_is_learned_from(said: str, changes: dict[str, Any]) -> None:
    learned = lesson(PLAIN, said)
    assert learned is not None
    dialect, what = learned
    assert {name: getattr(dialect, name) for name in changes} == changes
    assert what


@pytest.mark.parametrize(
    "said",
    [
        "the message at position 3 with role 'assistant' must not be empty",
        "invalid_request_error",
        "The model does not exist",
        "Invalid JSON in request body",
        "tool_call_id  is not found",
        "",
    ],
)
def test_what_says_nothing_of_the_kind_changes_nothing(said: str) -> None:
    assert lesson(PLAIN, said) is None


@given(st.lists(st.sampled_from([said for said, _ in SAID]), max_size=40))
def test_lessons_come_to_an_end(said: list[str]) -> None:
    """A server that contradicts itself can't keep the call going for ever: no dialect is spoken twice."""
    dialect, spoken = PLAIN, [PLAIN]
    for words in said * 3:
        learned = lesson(dialect, words)
        if learned is not None and learned[0] not in spoken:
            dialect = learned[0]
            spoken.append(dialect)
    assert len(spoken) < 40
    msgspec.json.encode(dialect.messages([]))


def test_a_thought_that_is_wanted_back_is_not_left_out_again() -> None:
    wanted = lesson(PLAIN, "reasoning_content is missing in assistant tool call message at index 4")
    assert wanted is not None
    assert lesson(wanted[0], "reasoning_content is missing in assistant tool call message at index 6") is None

"""What each kind of server wants to be sent: one rendering of a message, whatever comes after it."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from studio.backends.backend import Message, Sampling, ToolSpec
from studio.backends.partial_json import parse_arguments


class Dialect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences between servers that call themselves OpenAI-compatible; the sources are in presets.yaml."""

    reasoning_field: str = "reasoning_content"  # what an assistant's reasoning is echoed under; "" = not at all
    reasoning_always: bool = False  # Moonshot refuses calls without it: one blank is the least it takes
    details: bool = False  # echo `reasoning_details` as they came
    max_tokens_field: str = "max_tokens"
    max_output: int | None = None  # tokens of one reply, where the server must be told
    sampling: bool = True  # False: temperature is refused
    truncates_silently: bool = False  # drops the oldest messages when the window is full, and says nothing
    extra_body: dict[str, Any] = {}  # sent with every request

    def messages(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The conversation as this server takes it; the same message always becomes the same bytes."""
        return [self._message(message) for message in messages]

    def _message(self, message: Message) -> dict[str, Any]:
        # "must not be empty": no message is sent with nothing in it.
        content = message.text if message.text.strip() else " "
        if message.role == "tool":
            return {"role": "tool", "tool_call_id": message.tool_call_id, "content": content}
        if message.role != "assistant":
            return {"role": message.role, "content": content}
        rendered: dict[str, Any] = {"role": "assistant"}
        if message.text.strip() or not message.tool_calls:
            rendered["content"] = content
        if self.details and message.reasoning_details:
            rendered["reasoning_details"] = message.reasoning_details
        elif self.reasoning_field and (message.reasoning or (self.reasoning_always and message.tool_calls)):
            rendered[self.reasoning_field] = message.reasoning or " "
        if message.tool_calls:
            rendered["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": sendable(call.arguments)},
                }
                for call in message.tool_calls
            ]
        return rendered

    def tools(self, tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
        """The tools, always in the order given."""
        return [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in tools
        ]

    def options(self, sampling: Sampling, room: int) -> dict[str, Any]:
        """The request's other fields.

        Args:
            room: tokens left in the window; a larger wish is an error at some servers.
        """
        options: dict[str, Any] = dict(self.extra_body)
        wishes = [wish for wish in (sampling.max_tokens, self.max_output) if wish is not None]
        if wishes:
            options[self.max_tokens_field] = max(16, min(*wishes, room))
        if sampling.stop:
            options["stop"] = list(sampling.stop)
        if self.sampling and sampling.temperature is not None:
            options["temperature"] = sampling.temperature
        return options


@lru_cache(maxsize=2048)  # a pure function, asked of every call of the conversation at every step
def sendable(arguments: str) -> str:
    """A call's arguments as any server takes them back: llama.cpp and vLLM refuse a history with broken JSON in it."""
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except (ValueError, RecursionError):
        pass  # the common mishaps are mended below, as they were for the tool
    try:
        return json.dumps(parse_arguments(arguments), ensure_ascii=False)
    except ValueError:
        return json.dumps({"malformed": arguments}, ensure_ascii=False)

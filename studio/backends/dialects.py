"""What each kind of server wants to be sent: one rendering of a message, whatever comes after it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from studio.backends.backend import Message, Sampling, ToolSpec


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """The differences between servers that call themselves OpenAI-compatible; the sources are in presets.yaml."""

    reasoning_field: str = "reasoning_content"  # what an assistant's reasoning is echoed under; "" = not at all
    reasoning_always: bool = False  # Moonshot refuses calls without it: one blank is the least it takes
    details: bool = False  # echo `reasoning_details` as they came
    max_tokens_field: str = "max_tokens"
    sampling: bool = True  # False: temperature is refused
    extra_body: dict[str, Any] = {}  # sent with every request

    def messages(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The conversation as this server takes it; the same message always becomes the same bytes."""
        return [self._message(message) for message in messages]

    def _message(self, message: Message) -> dict[str, Any]:
        if message.role == "tool":
            return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
        if message.role != "assistant":
            return {"role": message.role, "content": message.text}
        rendered: dict[str, Any] = {"role": "assistant"}
        if message.text or not message.tool_calls:
            # "must not be empty": a message is never sent with nothing in it.
            rendered["content"] = message.text or " "
        if self.details and message.reasoning_details:
            rendered["reasoning_details"] = message.reasoning_details
        elif self.reasoning_field and (message.reasoning or (self.reasoning_always and message.tool_calls)):
            rendered[self.reasoning_field] = message.reasoning or " "
        if message.tool_calls:
            rendered["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments or "{}"},
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
        if sampling.max_tokens is not None:
            options[self.max_tokens_field] = max(16, min(sampling.max_tokens, room))
        if sampling.stop:
            options["stop"] = list(sampling.stop)
        if self.sampling and sampling.temperature is not None:
            options["temperature"] = sampling.temperature
        return options

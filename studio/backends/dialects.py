"""What each kind of server wants to be sent: one rendering of a message, whatever comes after it."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from studio.backends.backend import Message, Sampling, ToolSpec
from studio.backends.partial_json import parse_arguments
from studio.backends.tool_ids import IdWriter, Style

DETAILS = "reasoning_details"


class Dialect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The differences between servers that call themselves OpenAI-compatible; the sources are in presets.yaml."""

    reasoning_field: str = "reasoning_content"  # what an assistant's reasoning is echoed under; "" = not at all
    reasoning_as_sent: bool = False  # the name that the server itself uses counts, once it has used one
    reasoning_always: bool = False  # Moonshot refuses calls without it: one blank is the least it takes
    details: bool = False  # echo `reasoning_details` as they came
    extras: bool = False  # echo what came beside a call: Gemini refuses its calls without their signature
    content_always: bool = False  # a message that only calls tools needs a `content`, if an empty one
    merges_users: bool = False  # templates that insist on turns: neighbouring user messages become one
    tool_ids: Style = "safe"
    unique_ids: bool = True
    own_template: bool = True  # what we send is what the model sees, ids included
    max_tokens_field: str = "max_tokens"
    max_output: int | None = None  # tokens of one reply, where the server must be told
    sampling: bool = True  # False: temperature is refused
    must_call: bool = True  # `tool_choice: required` is understood
    usage_option: bool = True  # `stream_options` is understood
    cache_key: bool = False  # `prompt_cache_key` is understood
    charges: bool = False  # `usage.cost` is what the call was charged
    truncates_silently: bool = False  # drops the oldest messages when the window is full, and says nothing
    counter: Literal["", "moonshot", "llamacpp", "vllm"] = ""  # how the server itself can be asked to count
    extra_body: dict[str, Any] = {}  # sent with every request

    # --- the conversation -----------------------------------------------------------------------------------------

    def messages(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The conversation as this server takes it; the same beginning always becomes the same bytes."""
        ids = IdWriter(self.tool_ids, unique=self.unique_ids)
        rendered: list[dict[str, Any]] = []
        for message in messages:
            if self.merges_users and rendered and message.role == "user" == rendered[-1]["role"]:
                rendered[-1] = {"role": "user", "content": f"{rendered[-1]['content']}\n\n{message.text}"}
            else:
                rendered.append(self._message(message, ids))
        return rendered

    def _message(self, message: Message, ids: IdWriter) -> dict[str, Any]:
        # "must not be empty": no message is sent with nothing in it.
        content = message.text if message.text.strip() else " "
        if message.role == "tool":
            return {"role": "tool", "tool_call_id": ids.answering(message.tool_call_id), "content": content}
        if message.role != "assistant":
            return {"role": message.role, "content": content}
        rendered: dict[str, Any] = {"role": "assistant"}
        if message.text.strip() or not message.tool_calls:
            rendered["content"] = content
        elif self.content_always:
            rendered["content"] = ""
        if self.details and message.reasoning_details:
            rendered[DETAILS] = message.reasoning_details
        elif self.reasoning_field and (message.reasoning or (self.reasoning_always and message.tool_calls)):
            rendered[self.reasoning_field] = message.reasoning or " "
        if message.tool_calls:
            written = ids.begin_turn((call.id, call.name) for call in message.tool_calls)
            rendered["tool_calls"] = [
                {
                    "id": id_,
                    "type": "function",
                    "function": {"name": call.name, "arguments": sendable(call.arguments)},
                    **({"extra_content": msgspec.Raw(call.extra.encode())} if call.extra and self.extras else {}),
                }
                for id_, call in zip(written, message.tool_calls, strict=True)
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

    # --- the rest of a request ------------------------------------------------------------------------------------

    def options(self, sampling: Sampling, room: int, session: str = "") -> dict[str, Any]:
        """The request's other fields.

        Args:
            room: tokens left in the window; a larger wish is an error at some servers.
            session: the same for every call of one book.
        """
        options: dict[str, Any] = {"stream_options": {"include_usage": True}} if self.usage_option else {}
        options.update(self.extra_body)
        wishes = [wish for wish in (sampling.max_tokens, self.max_output) if wish is not None]
        if wishes:
            options[self.max_tokens_field] = max(16, min(*wishes, room))
        if sampling.stop:
            options["stop"] = list(sampling.stop)
        if self.sampling and sampling.temperature is not None:
            options["temperature"] = sampling.temperature
        if self.must_call and sampling.must_call:
            options["tool_choice"] = "required"
        if self.cache_key and session:
            options["prompt_cache_key"] = session
        return options

    def hearing(self, reasoning_field: str, *, extras: bool = False) -> "Dialect":
        """The dialect once a reply's thought has come under this name, and something beside its calls."""
        heard = msgspec.structs.replace(self, extras=True) if extras and not self.extras else self
        if not self.reasoning_as_sent or reasoning_field in ("", self.reasoning_field):
            return heard
        if reasoning_field == DETAILS:
            return msgspec.structs.replace(heard, details=True)
        return msgspec.structs.replace(heard, reasoning_field=reasoning_field)


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

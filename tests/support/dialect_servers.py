"""Five servers that speak their own dialects, and refuse what theirs refuse, in their words."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loopback import Answer, Wire

Body = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One dialect: what of a request is refused, and how a reply is written."""

    preset: str
    model: str
    refusal: Callable[[Body], str]  # "" = the request is good
    thought: Callable[[str], list[bytes]]
    id: Callable[[str, int, int], str]  # of a call: its name, its place in the reply, the calls so far
    learns: int = 0  # requests it may refuse before it is understood


def refused(body: Body, allowed: dict[str, set[str]]) -> str:
    """A field of a message that this server does not know."""
    for place, message in enumerate(body["messages"]):
        for field in message.keys() - allowed[message["role"]]:
            return f"Extra inputs are not permitted, field: 'messages[{place}].{message['role']}.{field}'"
    return ""


def common(body: Body) -> str:
    """What every server refuses: empty messages, calls without their results and results without their calls."""
    waiting: list[str] = []
    for place, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            if not waiting or message["tool_call_id"] != waiting.pop(0):
                return f"tool_call_id {message['tool_call_id']} is not found"
            continue
        if waiting:
            return f"an assistant message with tool_calls must be followed by tool messages: {waiting}"
        if not message.get("content") and not message.get("tool_calls"):
            return f"the message at position {place} with role '{message['role']}' must not be empty"
        for call in message.get("tool_calls", []):
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                return "the arguments are no object"
            waiting.append(call["id"])
        if len(set(waiting)) != len(waiting):
            return "two calls of one message have the same id"
    return f"calls without results: {waiting}" if waiting else ""


def ids_of(body: Body) -> list[str]:
    return [call["id"] for message in body["messages"] for call in message.get("tool_calls", [])]


USER = {"role", "content"}
TOOL = {"role", "content", "tool_call_id"}
ASSISTANT = {"role", "content", "tool_calls"}


def fields(*more: str) -> dict[str, set[str]]:
    return {"system": USER, "user": USER, "tool": TOOL, "assistant": ASSISTANT | set(more)}


def moonshot(body: Body) -> str:
    for place, message in enumerate(body["messages"]):
        if message.get("tool_calls") and not message.get("reasoning_content"):
            return (
                f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {place}"
            )
        if message.get("tool_calls") and message.get("content") == "":
            return f"the message at position {place} with role 'assistant' must not be empty"
    if "temperature" in body:
        return "invalid temperature: only 1 is allowed for this model"
    return refused(body, fields("reasoning_content"))


def openrouter(body: Body) -> str:
    ids = ids_of(body)
    if len(set(ids)) != len(ids):
        return "`tool_use` ids must be unique"
    if wrong := [id_ for id_ in ids if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", id_)]:
        return f"messages: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$': {wrong}"
    return refused(body, fields("reasoning", "reasoning_details"))


def mistral(body: Body) -> str:
    if wrong := [id_ for id_ in ids_of(body) if not re.fullmatch("[A-Za-z0-9]{9}", id_)]:
        return f"Tool call id was {wrong[0]} but must be a-z, A-Z, 0-9, with a length of 9."
    return refused(body, fields())


def details(text: str) -> list[bytes]:
    half = len(text) // 2
    return [
        *(
            Wire.delta(
                reasoning=piece,
                reasoning_details=[{"type": "reasoning.text", "text": piece, "index": 0, "format": None}],
            )
            for piece in (text[:half], text[half:])
        ),
        Wire.delta(reasoning_details=[{"type": "reasoning.text", "signature": "c2ln", "index": 0}]),
    ]


KINDS: dict[str, Kind] = {
    "moonshot": Kind(
        "moonshot",
        "kimi-k3",
        moonshot,
        lambda text: [Wire.delta(reasoning_content=text)],
        lambda name, at, n: f"{name}_{at}",
    ),
    "openrouter": Kind("openrouter", "moonshotai/kimi-k3", openrouter, details, lambda name, at, n: f"toolu_{n}"),
    "ollama": Kind(
        "ollama",
        "qwen3",
        lambda body: refused(body, fields("reasoning")) or ("no" if "tool_choice" in body else ""),
        lambda text: [Wire.delta(reasoning=text)],
        lambda name, at, n: f"call_{n:08}",
    ),
    "vllm": Kind(
        "vllm",
        "Kimi-K2-Thinking",
        lambda body: (
            refused(body, fields("reasoning"))
            or next(
                (
                    f"malformed id {id_}"
                    for at, id_ in enumerate(ids_of(body))
                    if not re.fullmatch(rf"functions\.\w+:{at}", id_)
                ),
                "",
            )
        ),
        lambda text: [
            Wire.delta(content=f"<think>{text[:5]}"),
            Wire.delta(content=f"{text[5:]}</thi"),
            Wire.delta(content="nk>"),
        ],
        lambda name, at, n: f"functions.{name}:{n}",
    ),
    # An endpoint of which nothing is known beforehand: it refuses, and is understood.
    "a strict reseller": Kind(
        "openai",
        "mistral-large",
        mistral,
        lambda text: [Wire.delta(reasoning_content=text)],
        lambda name, at, n: f"aB{n:07}",
        learns=2,
    ),
}


def answer(kind: Kind, thought: str, calls: list[tuple[str, dict[str, str]]], so_far: int) -> Answer:
    """A reply in this dialect."""
    pieces = kind.thought(thought)
    for at, (name, arguments) in enumerate(calls):
        raw = json.dumps(arguments)
        pieces.append(Wire.call("", name=name, id=kind.id(name, at, so_far + at), index=at))
        pieces += [Wire.call(raw[i : i + 20], index=at) for i in range(0, len(raw), 20)]
    return Answer([*pieces, Wire.delta("tool_calls"), Wire.DONE])

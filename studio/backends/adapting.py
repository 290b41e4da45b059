"""What a server's refusal teaches about its dialect: the call is made again the way it asked for, once for each lesson.

Nobody's documentation is complete, and resellers put servers of many kinds behind one address.
"""

import re
from collections.abc import Callable

import msgspec

from studio.backends.dialects import DETAILS, Dialect

# Ways of saying that a field is not known or not wanted here.
_UNWANTED = re.compile(
    r"extra inputs? (?:are|is) not permitted|extra fields? not permitted|unrecogni[sz]ed|unknown|unexpected|"
    r"additional propert|unsupported|not supported|does not support|not permitted|not allowed|incompatible|deprecated|"
    r"is not valid|invalid (?:field|parameter|argument|key|property)|forbidden",
    re.IGNORECASE,
)
_NO_THOUGHT = re.compile(
    r"reasoning_content\b.{0,60}(?:\bis missing|\bis required|must be passed back|must be provided)", re.IGNORECASE
)
_NO_CONTENT = re.compile(
    r"(?:(?<!\w)content\W{1,4}(?:is |field )?(?:is )?(?:required|missing)|(?:missing|required).{0,30}\bcontent\b|"
    r"field required.{0,60}\bcontent\b|\bcontent\b.{0,20}field required)",
    re.IGNORECASE,
)
_ID_OF_NINE = re.compile(r"tool.?call id.{0,200}length of 9", re.IGNORECASE)
_ID = re.compile(
    r"(?:tool_use|tool_call|call|tool_calls\S*?)[._ ]*id\b.{0,80}(?:pattern|too long|maximum length|invalid|"
    r"must match|characters)|id\b.{0,40}string too long|string too long.{0,80}tool_calls",
    re.IGNORECASE,
)
_TURNS = re.compile(r"roles? must alternate|alternate user/assistant|consecutive user|multiple user messages", re.I)
_LONGEST = re.compile(
    r"(?:max_tokens|max_completion_tokens|completion tokens|output tokens).{0,120}?(?:at most|up to|maximum(?: value)?"
    r"(?: is| of)?|less than or equal to|<=|range of \[\d+,|between \d+ and)\s*[:=]?\s*(\d[\d,_]{2,})",
    re.IGNORECASE | re.DOTALL,
)

Lesson = tuple[Dialect, str]


def lesson(dialect: Dialect, said: str) -> Lesson | None:
    """The dialect that a refused request should have been in, and what is done otherwise; None when it says nothing.

    Args:
        said: the server's words, with the status 400 or 422.
    """
    for learn in (_thought, _ids, _turns, _length, _content, _field):
        found = learn(dialect, said)
        if found is not None and found[0] != dialect:
            return found
    return None


def _thought(dialect: Dialect, said: str) -> Lesson | None:
    if not _NO_THOUGHT.search(said):
        return None
    field = {"reasoning_field": "reasoning_content", "reasoning_always": True, "reasoning_as_sent": False}
    return msgspec.structs.replace(dialect, **field), "wants the thought sent back as reasoning_content"


def _ids(dialect: Dialect, said: str) -> Lesson | None:
    if _ID_OF_NINE.search(said):
        return msgspec.structs.replace(dialect, tool_ids="nine"), "wants ids of nine characters"
    if _ID.search(said) or re.search(r"ids? must be unique", said, re.IGNORECASE):
        return msgspec.structs.replace(dialect, tool_ids="strict", unique_ids=True), "wants simpler ids of tool calls"
    return None


def _turns(dialect: Dialect, said: str) -> Lesson | None:
    if not _TURNS.search(said):
        return None
    return msgspec.structs.replace(dialect, merges_users=True), "wants user and assistant to take turns"


def _length(dialect: Dialect, said: str) -> Lesson | None:
    match = _LONGEST.search(said)
    most = int(re.sub(r"[,_]", "", match[1])) if match else 0
    if not most or (dialect.max_output is not None and dialect.max_output <= most):
        return None
    return msgspec.structs.replace(dialect, max_output=most), f"writes {most:,} tokens at most in one reply"


def _content(dialect: Dialect, said: str) -> Lesson | None:
    if not _NO_CONTENT.search(said):
        return None
    return msgspec.structs.replace(dialect, content_always=True), "wants a content in every message"


def _field(dialect: Dialect, said: str) -> Lesson | None:
    """A field that is not known, or not with this model."""
    if not _UNWANTED.search(said):
        return None
    if dialect.max_tokens_field == "max_tokens" and re.search(r"\bmax_completion_tokens\b", said):
        return msgspec.structs.replace(dialect, max_tokens_field="max_completion_tokens"), "wants max_completion_tokens"
    for name, without in _FIELDS.items():
        if re.search(rf"\b{name}\b", said):
            changed = without(dialect)
            if changed != dialect:
                return changed, f"does not take {name}"
    for name in dialect.extra_body:
        if re.search(rf"\b{re.escape(name)}\b", said):
            rest = {key: value for key, value in dialect.extra_body.items() if key != name}
            return msgspec.structs.replace(dialect, extra_body=rest), f"does not take {name}"
    return None


def _without_reasoning(field: str) -> Callable[[Dialect], Dialect]:
    def without(dialect: Dialect) -> Dialect:
        if dialect.reasoning_field != field:
            return dialect
        return msgspec.structs.replace(dialect, reasoning_field="", reasoning_as_sent=False, reasoning_always=False)

    return without


_FIELDS: dict[str, Callable[[Dialect], Dialect]] = {
    DETAILS: lambda dialect: msgspec.structs.replace(dialect, details=False, reasoning_as_sent=False),
    "reasoning_content": _without_reasoning("reasoning_content"),
    "reasoning": _without_reasoning("reasoning"),
    "extra_content": lambda dialect: msgspec.structs.replace(dialect, extras=False),
    "prompt_cache_key": lambda dialect: msgspec.structs.replace(dialect, cache_key=False),
    "stream_options": lambda dialect: msgspec.structs.replace(dialect, usage_option=False),
    "include_usage": lambda dialect: msgspec.structs.replace(dialect, usage_option=False),
    "tool_choice": lambda dialect: msgspec.structs.replace(dialect, must_call=False),
    "temperature": lambda dialect: msgspec.structs.replace(dialect, sampling=False),
    "max_completion_tokens": lambda dialect: msgspec.structs.replace(dialect, max_tokens_field="max_tokens"),
}

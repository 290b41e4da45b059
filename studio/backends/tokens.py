"""How many tokens a conversation takes: counted with tiktoken once its vocabulary is loaded, estimated until then, and
corrected by what servers report. Never touches the network.
"""

import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

from studio.backends.backend import Message, ToolSpec
from studio.backends.vocabulary import Encoding, vocabulary
from studio.backends.weighing import Features, Weighing

LATIN = 4.2  # characters a token of English prose, in o200k and in Kimi's own vocabulary
CJK = 1.5
PER_MESSAGE = 4  # tokens of the template around a message
LEARNS_FROM = 200  # tokens; below it the template outweighs the text

_REMEMBERED = 4  # reports: the run's own call, and those beside it (a summary, a review)
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\uffef\U00020000-\U0003134f]")


def estimate(text: str) -> int:
    """Tokens of a text by its characters."""
    wide = 0 if text.isascii() else len(_WIDE.findall(text))
    return round(wide / CJK + (len(text) - wide) / LATIN)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a server made of one request."""

    length: int  # messages
    last: Message  # the last of them, as `_key` has it
    has_tools: bool
    tokens: int


class TokenCount:
    """Counts one conversation, each message once, and learns from what the server reports.

    The last report stands for the messages it was about; only what came since is estimated, with weights that the
    reports so far have taught: a template that drops old thoughts, a vocabulary that cuts finer, costly tool calls.
    """

    def __init__(self, cache: Path) -> None:
        """Cheap; the vocabulary is unpacked into `cache` and loaded when something is first counted."""
        self._cache = cache
        self._vocabulary = vocabulary()
        self._encoding: Encoding | None = None
        self._messages: dict[Message, Features] = {}
        self._tools: dict[bytes, int] = {}
        self._weighing = Weighing(counted=False)
        self._reports: deque[Report] = deque(maxlen=_REMEMBERED)

    def text(self, text: str) -> int:
        """Tokens of a text by itself, as near as can be told now."""
        self._vocabulary.begin(self._cache)
        encoding = self._vocabulary.encoding
        return estimate(text) if encoding is None else len(encoding.encode_ordinary(text))

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """Tokens of a request."""
        found = self._features(messages, tools)
        report = self._report_on(messages, has_tools=bool(tools))
        if report is None:
            return max(0, round(self._weighing.whole(found)))
        since = found - self._features(messages[: report.length], tools)
        return max(0, round(report.tokens + self._weighing.part(since)))

    def unreported(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """Of these tokens, those that no report has covered yet."""
        report = self._report_on(messages, has_tools=bool(tools))
        return self.count(messages, tools) - (report.tokens if report is not None else 0)

    def plain(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """Tokens of a request before anything was learned, thoughts left out: templates may drop those."""
        found = self._features(messages, tools)
        return round(found.text + found.calls + found.tools + PER_MESSAGE * found.messages)

    def is_cut_short(self, messages: Sequence[Message], tools: Sequence[ToolSpec], reported: int) -> bool:
        """Whether a server has read much less than it was sent: it dropped the oldest messages without a word."""
        plain = self.plain(messages, tools)
        if reported < 0.6 * plain:
            return True
        report = self._report_on(messages, has_tools=bool(tools))
        if report is None:
            return False
        grown = plain - self.plain(messages[: report.length], tools)
        return grown >= LEARNS_FROM and reported - report.tokens < 0.3 * grown

    def correct(self, messages: Sequence[Message], tools: Sequence[ToolSpec], reported: int) -> None:
        """Learn that the server makes `reported` tokens of this request.

        A report that is out of all proportion counts as twice or half: the server did not read all, or read more.
        """
        found = self._features(messages, tools)
        plain = self._weighing.unlearned(found)
        if plain < LEARNS_FROM or reported <= 0 or not messages:
            return
        # Thoughts may be left out by a template: what remains is the least that can be meant.
        least = 0.5 * (plain - found.reasoning)
        tokens = round(min(2.0 * plain, max(least, reported)))
        before = self._report_on(messages, has_tools=bool(tools))
        if before is None:
            self._weighing.learn_whole(found, tokens)
        else:
            since = found - self._features(messages[: before.length], tools)
            self._weighing.learn_part(since, tokens - before.tokens)
        self._reports.append(
            Report(length=len(messages), last=_key(messages[-1]), has_tools=bool(tools), tokens=tokens)
        )

    def _report_on(self, messages: Sequence[Message], *, has_tools: bool) -> Report | None:
        """The report on most of these messages, if one was on the same beginning.

        That a beginning is the same is told by its last message and its length: a conversation only grows.
        """
        found = [
            report
            for report in reversed(self._reports)
            if report.has_tools == has_tools
            and report.length <= len(messages)
            and _key(messages[report.length - 1]) == report.last
        ]
        return max(found, key=lambda report: report.length, default=None)

    # --- what is counted ------------------------------------------------------------------------------------------

    def _features(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Features:
        if self._encoding is not self._vocabulary.encoding:
            # From now on it is counted; what was learned was how far the estimate is off.
            self._encoding = self._vocabulary.encoding
            self._messages.clear()
            self._tools.clear()
            self._weighing = Weighing()
        known = self._messages
        total = Features(tools=float(self._of_tools(tools)))
        for message in messages:
            key = _key(message)
            if key not in known:
                known[key] = self._message(message)
            total += known[key]
        if len(known) > 3 * len(messages) + 100:  # a compression left the old ones behind
            current = {_key(message) for message in messages}
            self._messages = {key: tokens for key, tokens in known.items() if key in current}
        return total

    def _message(self, message: Message) -> Features:
        calls = "".join(f"{call.id}{call.name}{call.arguments}" for call in message.tool_calls)
        counted = [float(self.text(part)) if part else 0.0 for part in (message.text, message.reasoning, calls)]
        return Features(1.0, *counted)

    def _of_tools(self, tools: Sequence[ToolSpec]) -> int:
        if not tools:
            return 0
        rendered = msgspec.json.encode(tools)
        if rendered not in self._tools:
            self._tools[rendered] = self.text(rendered.decode())
        return self._tools[rendered]


def _key(message: Message) -> Message:
    """What a message is known by: lists can't be hashed, and details say again what `reasoning` says."""
    return message if message.reasoning_details is None else msgspec.structs.replace(message, reasoning_details=None)

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
ESCAPE = 3.0  # tokens of an escape such as \u706f, which models write for what is not ASCII when their JSON is that way
PER_MESSAGE = 4  # tokens of the template around a message
LEARNS_FROM = 200  # tokens; below it the template outweighs the text

_WORTH = 50  # tokens of a reply that teach something
_REMEMBERED = 4  # reports: the run's own call, and those beside it (a summary, a review)
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\uffef\U00020000-\U0003134f]")


def estimate(text: str) -> int:
    """Tokens of a text by its characters."""
    wide = 0 if text.isascii() else len(_WIDE.findall(text))
    escapes = len(_ESCAPE.findall(text)) if "\\u" in text else 0
    return round(wide / CJK + escapes * ESCAPE + (len(text) - wide - 6 * escapes) / LATIN)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a server made of one request."""

    length: int  # messages
    last: Message  # the last of them, as `_key` has it
    tools: float  # our count of the tools that were sent with them
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
        report = self._report_on(messages)
        if report is None:
            return max(0, round(self._weighing.whole(found)))
        return max(0, round(report.tokens + self._weighing.part(self._since(report, messages, found))))

    def unreported(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """Of these tokens, those that no report has covered yet."""
        report = self._report_on(messages)
        return self.count(messages, tools) - (report.tokens if report is not None else 0)

    def plain(self, messages: Sequence[Message]) -> int:
        """The least that messages can take: no thoughts, no tools, which templates may leave out; nothing learned."""
        found = self._features(messages, ())
        return round(found.latin + found.wide + PER_MESSAGE * (found.messages + found.calls))

    def is_cut_short(self, messages: Sequence[Message], tools: Sequence[ToolSpec], reported: int) -> bool:
        """Whether a server has read much less than it was sent: it dropped the oldest messages without a word."""
        plain = self.plain(messages)
        if reported < 0.6 * plain:
            return True
        report = self._report_on(messages)
        if report is None:
            return False
        grown = plain - self.plain(messages[: report.length])
        return grown >= LEARNS_FROM and reported - report.tokens < 0.3 * grown

    def correct(self, messages: Sequence[Message], tools: Sequence[ToolSpec], reported: int) -> None:
        """Learn that the server makes `reported` tokens of this request.

        A report that is out of all proportion counts as twice or half: the server did not read all, or read more.
        """
        found = self._features(messages, tools)
        plain = self._weighing.unlearned(found)
        if plain < LEARNS_FROM or reported <= 0 or not messages:
            return
        tokens = round(min(2.0 * plain, max(0.5 * self.plain(messages), reported)))
        before = self._report_on(messages)
        if before is None:
            self._weighing.learn_whole(found, tokens)
        else:
            self._weighing.learn_part(self._since(before, messages, found), tokens - before.tokens)
        report = Report(length=len(messages), last=_key(messages[-1]), tools=found.tools, tokens=tokens)
        self._reports.append(report)

    def correct_reply(self, reply: Message, reported: int) -> None:
        """Learn that the server made `reported` tokens of its own reply, which holds no template and no tools.

        A report out of all proportion is left aside: some leave the thought out, others say 1.
        """
        self._use_vocabulary()
        found = self._message(reply)
        latin, wide = found.latin + found.thought, found.wide + found.thought_wide
        if latin + wide >= _WORTH and 0.5 < reported / (latin + wide) < 2.0:
            self._weighing.learn_said(latin, wide, found.calls, float(reported))

    def _since(self, report: Report, messages: Sequence[Message], found: Features) -> Features:
        """What a request holds that the one of a report did not."""
        return found - self._features(messages[: report.length], ())._replace(tools=report.tools)

    def _report_on(self, messages: Sequence[Message]) -> Report | None:
        """The latest report on most of these messages, if one was on the same beginning.

        That a beginning is the same is told by its last message and its length: a conversation only grows.
        """
        found = [
            report
            for report in reversed(self._reports)
            if report.length <= len(messages) and _key(messages[report.length - 1]) == report.last
        ]
        return max(found, key=lambda report: report.length, default=None)

    # --- what is counted ------------------------------------------------------------------------------------------

    def _features(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Features:
        self._use_vocabulary()
        known = self._messages
        totals = [0.0] * len(Features._fields)
        since_user = [0.0, 0.0]  # thoughts, which the user's next word makes old ones
        for message in messages:
            key = _key(message)
            if key not in known:
                known[key] = self._message(message)
            found = known[key]
            if message.role == "user":
                totals[6] += since_user[0]
                totals[7] += since_user[1]
                since_user = [0.0, 0.0]
            for place in range(4):
                totals[place] += found[place]
            since_user[0] += found.thought
            since_user[1] += found.thought_wide
        totals[4:6] = since_user
        totals[8] = float(self._of_tools(tools))
        if len(known) > 3 * len(messages) + 100:  # a compression left the old ones behind
            current = {_key(message) for message in messages}
            self._messages = {key: tokens for key, tokens in known.items() if key in current}
        return Features(*totals)

    def _use_vocabulary(self) -> None:
        if self._encoding is not self._vocabulary.encoding:
            # From now on it is counted; what was learned was how far the estimate is off.
            self._encoding = self._vocabulary.encoding
            self._messages.clear()
            self._tools.clear()
            self._weighing = Weighing()

    def _message(self, message: Message) -> Features:
        calls = "".join(f"{call.id}{call.name}{call.arguments}" for call in message.tool_calls)
        said = [self._by_script(part) for part in (message.text, calls)]
        latin, wide = sum(one for one, _ in said), sum(other for _, other in said)
        thought = self._by_script(message.reasoning)
        return Features(1.0, float(len(message.tool_calls)), latin, wide, *thought)

    def _by_script(self, text: str) -> tuple[float, float]:
        """Tokens of a text, those of its wide characters apart."""
        if not text:
            return 0.0, 0.0
        whole = self.text(text)
        if text.isascii() or not _WIDE.search(text):
            return float(whole), 0.0
        latin = self.text(_WIDE.sub("", text))
        return float(min(latin, whole)), float(max(0, whole - latin))

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

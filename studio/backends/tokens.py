"""How many tokens a conversation takes: counted with tiktoken once its vocabulary is loaded, estimated until then, and
corrected by what servers report. Never touches the network.
"""

import re
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
_REMEMBERED = 5  # reports: the run's own call, and those beside it (a summary, a review)
_DOUBT = 0.1  # of what no report covers: it may take so much more than is counted
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\uffef\U00020000-\U0003134f]")


def estimate(text: str) -> int:
    """Tokens of a text by its characters."""
    wide = 0 if text.isascii() else len(_WIDE.findall(text))
    escapes = len(_ESCAPE.findall(text)) if "\\u" in text else 0
    return round(wide / CJK + escapes * ESCAPE + (len(text) - wide - 6 * escapes) / LATIN)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a server made of one request."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    found: Features  # what they are made of, as it is counted now
    tokens: int


class TokenCount:
    """Counts one conversation, each message once, and learns from what the server reports.

    The nearest report stands for the messages it was about; only what is different since is estimated, with weights
    that the reports so far have taught: a template that drops old thoughts, a vocabulary that cuts finer, costly calls.
    """

    def __init__(self, cache: Path) -> None:
        """Cheap; the vocabulary is unpacked into `cache` and loaded when something is first counted."""
        self._cache = cache
        self._vocabulary = vocabulary()
        self._encoding: Encoding | None = None
        self._messages: dict[Message, Features] = {}
        self._tools: dict[bytes, int] = {}
        self._weighing = Weighing(counted=False)
        self._reports: list[Report] = []

    def text(self, text: str) -> int:
        """Tokens of a text by itself, as near as can be told now."""
        self._vocabulary.begin(self._cache)
        encoding = self._vocabulary.encoding
        return estimate(text) if encoding is None else len(encoding.encode_ordinary(text))

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cautious: bool = False) -> int:
        """Tokens of a request; `cautious`: as many as they may well be, where no report covers them."""
        found = self._features(messages, tools)
        nearest = self._nearest(messages)
        if nearest is None:
            tokens, unsure = self._weighing.whole(found), self._size(messages) + found.tools
        else:
            report, shared = nearest
            tokens = report.tokens + self._weighing.part(found - report.found)
            unsure = self._size(messages[shared:])
        return max(0, round(tokens + (_DOUBT * unsure if cautious else 0.0)))

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
        grown = plain - self.plain(report.messages)
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
        # With the oldest one it has but its beginning in common: what is new is no part of it, but nearly all.
        if before is None or (before is self._reports[0] and len(self._reports) > 1):
            self._weighing.learn_whole(found, tokens)
        else:
            self._weighing.learn_part(found - before.found, tokens - before.tokens)
        self._remember(Report(messages=tuple(messages), tools=tuple(tools), found=found, tokens=tokens))

    def correct_reply(self, reply: Message, reported: int) -> None:
        """Learn that the server made `reported` tokens of its own reply, which holds no template and no tools.

        A report out of all proportion is left aside: some leave the thought out, others say 1.
        """
        self._use_vocabulary()
        found = self._message(reply)
        latin, wide = found.latin + found.thought, found.wide + found.thought_wide
        if latin + wide >= _WORTH and 0.5 < reported / (latin + wide) < 2.0:
            self._weighing.learn_said(latin, wide, found.calls, float(reported))

    def _remember(self, report: Report) -> None:
        """Keep the last reports, and of those before them the shortest: what every request begins with."""
        self._reports.append(report)
        if len(self._reports) > _REMEMBERED:
            first = min((one for one in self._reports if one.tools), key=lambda one: len(one.messages), default=None)
            del self._reports[1 if self._reports[0] is first else 0]

    def _report_on(self, messages: Sequence[Message]) -> Report | None:
        """The report on most of these messages, of those that were on the same beginning; the latest of several."""
        found = [
            report for report in reversed(self._reports) if _shared(report.messages, messages) == len(report.messages)
        ]
        return max(found, key=lambda report: len(report.messages), default=None)

    def _nearest(self, messages: Sequence[Message]) -> tuple[Report, int] | None:
        """The report that the least has to be estimated from, and how many messages it has in common with these.

        After a compression, and for a summary that is asked of a part of the conversation, no report is on a beginning
        of it; but what the tools take, and the system's words, is in each of them.
        """
        best: tuple[Report, int] | None = None
        least = 0.0
        for report in reversed(self._reports):
            shared = _shared(report.messages, messages)
            apart = self._size(messages[shared:]) + self._size(report.messages[shared:])
            if shared and (best is None or apart < least):
                best, least = (report, shared), apart
        return best

    def _size(self, messages: Sequence[Message]) -> float:
        found = [self._known(message) for message in messages]
        return sum(one.latin + one.wide + one.thought + one.thought_wide for one in found)

    # --- what is counted ------------------------------------------------------------------------------------------

    def _features(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Features:
        self._use_vocabulary()
        totals = [0.0] * len(Features._fields)
        since_user = [0.0, 0.0]  # thoughts, which the user's next word makes old ones
        for message in messages:
            found = self._known(message)
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
        longest = max(len(messages), *(len(report.messages) for report in self._reports), 0)
        if len(self._messages) > 6 * longest + 100:  # compressions left the old ones behind
            current = {_key(one) for some in (messages, *(report.messages for report in self._reports)) for one in some}
            self._messages = {key: tokens for key, tokens in self._messages.items() if key in current}
        return Features(*totals)

    def _known(self, message: Message) -> Features:
        """What a message is made of, looked at once."""
        key = _key(message)
        if key not in self._messages:
            self._messages[key] = self._message(message)
        return self._messages[key]

    def _use_vocabulary(self) -> None:
        if self._encoding is self._vocabulary.encoding:
            return
        # From now on it is counted; what was learned was how far the estimate is off.
        self._encoding = self._vocabulary.encoding
        self._messages.clear()
        self._tools.clear()
        self._weighing = Weighing()
        reports, self._reports = self._reports, []
        for report in reports:
            self.correct(report.messages, report.tools, report.tokens)

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
        # As they are sent, and as most templates put them into the prompt.
        rendered = msgspec.json.encode([{"type": "function", "function": tool} for tool in tools])
        if rendered not in self._tools:
            self._tools[rendered] = self.text(rendered.decode())
        return self._tools[rendered]


def _key(message: Message) -> Message:
    """What a message is known by: lists can't be hashed, and details say again what `reasoning` says."""
    return message if message.reasoning_details is None else msgspec.structs.replace(message, reasoning_details=None)


def _shared(one: Sequence[Message], other: Sequence[Message]) -> int:
    """How many messages two conversations begin with alike."""
    length = min(len(one), len(other))
    if list(one[:length]) == list(other[:length]):  # nearly always so, and told by identity
        return length
    return next(at for at in range(length) if one[at] != other[at])

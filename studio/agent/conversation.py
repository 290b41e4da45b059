"""The conversation sent to a model, and the point in the step where it stands: a fold of the run's events."""

import msgspec

from studio import events as ev
from studio.backends.backend import Message
from studio.book.names import is_chapter

_LOST = "(What came of this call is not known any more; look at the files.)"


class PartialProse(msgspec.Struct, frozen=True, kw_only=True):
    """Prose of a reply that has not finished."""

    file: str
    text: str


class Conversation:
    """Feed it every event in order. `messages` only ever grows at its end, except at a compression."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.step = 0
        self.step_finished = True
        self.reply_open = False  # step_started, and neither reply_finished nor reply_cut yet
        self.replied = False  # the step has its finished reply
        self.calls: list[ev.ToolCall] = []  # the finished reply's calls, all of them
        self.calls_done = 0
        self.call_started = False  # tool_started was recorded for calls[calls_done]
        self.usage: ev.Usage | None = None  # of the finished reply
        self.reported: list[tuple[int, ev.Usage]] = []  # by how many messages were sent; the first report and the last
        self.reported_by = ""  # the model that reported
        self.settled: dict[str, str] = {}  # id of a write on disk -> what its tool answers
        self.kept: list[ev.PartialKept] = []  # prose of the cut reply
        self.cut_why = ""  # why the last reply of this step was cut; "" = it was not
        self.cut_advice = ""  # what the model has to be told besides, as the name of a prompt
        self.finish_reason = ""  # of the last finished reply
        self.idle_replies = 0  # replies in a row without a tool call
        self.last_text = ""  # text of the last finished reply
        self.compression_asked = False
        self.digest = ""  # the summary proper that the conversation begins with; "" = it was never compressed
        self.summaries: dict[int, str] = {}  # the kept ones, by the last step they cover
        self.finished = ""  # the summary, once `finish` was called
        self.finish_refused = False  # `finish` was, and no chapter has come since
        self.title = ""
        self._model = ""
        self._intended: dict[str, str] = {}
        self._reasoning: list[str] = []
        self._text: list[str] = []
        self._prose: list[tuple[str, str]] = []

    @property
    def pending(self) -> list[ev.ToolCall]:
        """Calls of the finished reply that have no result yet."""
        return self.calls[self.calls_done :]

    @property
    def is_between_calls(self) -> bool:
        """Whether no reply is open and none waits for its tools: the last one is done, or was cut."""
        return self.step_finished or not (self.reply_open or self.replied)

    @property
    def has_arrived(self) -> bool:
        """Whether anything of the open or cut reply has arrived."""
        return bool(self._reasoning or self._text or self._prose)

    @property
    def cut_reply(self) -> str:
        """All that had arrived of the reply that was cut last in this step; "" when none was."""
        if not self.cut_why:
            return ""
        return "".join([*self._reasoning, *self._text, *(text for _, text in self._prose)])

    def partial_text(self) -> str:
        """Reply text of the open or cut reply, outside any tool call."""
        return "".join(self._text)

    def partial_prose(self) -> list[PartialProse]:
        """Prose of the open or cut reply, one entry a file, in order of arrival; what never got a name is left out."""
        parts: dict[str, list[str]] = {}
        unnamed: list[str] = []
        for file, text in self._prose:
            if not file:
                unnamed.append(text)
                continue
            # The name can come after the first pieces of the content.
            parts.setdefault(file, []).extend([*unnamed, text])
            unnamed = []
        return [PartialProse(file=file, text="".join(texts)) for file, texts in parts.items()]

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        match event:
            case ev.ReasoningDelta(text=text):
                self._reasoning.append(text)
            case ev.ReplyDelta(text=text):
                self._text.append(text)
            case ev.ThoughtRecognised():
                self._reasoning += self._text
                self._text.clear()
            case ev.ProseDelta(file=file, text=text):
                self._prose.append((file, text))
            case ev.RunStarted(model=model) | ev.BackendSwitched(model=model):
                self._model = model
            case ev.ConversationStarted():
                self.messages = [Message(role="system", text=event.system), Message(role="user", text=event.prompt)]
            case ev.StepStarted():
                self._begin_step(event)
            case ev.ReplyFinished():
                self._finish_reply(event)
            case ev.PartialKept():
                self.kept.append(event)
            case ev.ReplyCut():
                self.reply_open, self.cut_why, self.cut_advice = False, event.why, event.advice
            case ev.ToolStarted():
                self.call_started = True
            case ev.ToolFinished():
                self._finish_call(event)
            case ev.StepFinished():
                self.step_finished = True
                self.settled.clear()
                self._intended.clear()
            case ev.WriteIntended(id=id_, result=result):
                self._intended[id_] = result
            case ev.FileWritten(id=id_, file=file, mode=mode):
                if id_ in self._intended:
                    self.settled[id_] = self._intended[id_]
                if mode == "create" and is_chapter(file):
                    self.finish_refused = False
            case ev.ContextCompressed(summary=summary, digest=digest):
                self.messages = [*self.messages[:2], Message(role="user", text=summary)]
                self.reported.clear()
                self.compression_asked, self.digest = False, digest or summary  # older records have the whole alone
            case ev.SummaryKept(step=step, summary=summary):
                self.summaries[step] = summary
            case ev.TitleGiven(title=title):
                self.title = title
            case ev.TurnEnded():
                self.idle_replies = 0  # words alone are what a talk is made of
            case ev.CowritingEnded():
                self.idle_replies, self.finish_refused = 0, False
            case ev.NoteGiven() | ev.AnswerGiven():
                # The author spoke: a finished book goes on, and the count of idle replies begins anew.
                self.finished = ""
                self.idle_replies = 0
            case _:
                pass

    def _begin_step(self, event: ev.StepStarted) -> None:
        self._close_calls()
        self.step, self.step_finished, self.reply_open, self.replied = event.step, False, True, False
        self.calls, self.calls_done, self.call_started, self.usage = [], 0, False, None
        self._reasoning.clear()
        self._text.clear()
        self._prose.clear()
        self.kept.clear()
        self.cut_why = self.cut_advice = ""
        if event.message:
            self.messages.append(Message(role="user", text=event.message))

    def _finish_reply(self, event: ev.ReplyFinished) -> None:
        self._close_calls()
        self._note_report(event.usage)
        self.reply_open, self.replied = False, True
        self.calls, self.usage = list(event.tool_calls), event.usage
        self.finish_reason = event.finish_reason
        self.last_text = "".join(self._text)
        self.idle_replies = 0 if self.calls else self.idle_replies + 1
        # A message with neither text nor calls is refused by Moonshot ("must not be empty"): it is not kept.
        if self.calls or self.last_text.strip():
            message = Message(
                role="assistant",
                text=self.last_text,
                reasoning="".join(self._reasoning),
                reasoning_details=event.reasoning_details,
                tool_calls=event.tool_calls,
            )
            self.messages.append(message)
        self._reasoning, self._text, self._prose = [], [], []

    def _note_report(self, usage: ev.Usage | None) -> None:
        if usage is None or usage.estimated or not usage.prompt_tokens:
            return
        if self.reported_by != self._model:
            self.reported, self.reported_by = [], self._model
        self.reported = [*self.reported[:1], (len(self.messages), usage)]

    def _close_calls(self) -> None:
        """Only a damaged record has calls open here; no server takes a call without its result."""
        for call in self.pending:
            self.messages.append(Message(role="tool", text=_LOST, tool_call_id=call.id))
        self.calls, self.calls_done = [], 0

    def _finish_call(self, event: ev.ToolFinished) -> None:
        if not self.pending or self.pending[0].id != event.id:
            return  # its call was lost with a damaged part of the record
        call = self.calls[self.calls_done]
        self.messages.append(Message(role="tool", text=event.result, tool_call_id=call.id))
        self.calls_done += 1
        self.call_started = False
        if event.name == "compress_context" and event.ok:
            self.compression_asked = True
        elif event.name == "finish":
            self.finished = event.result if event.ok else ""
            self.finish_refused = not event.ok

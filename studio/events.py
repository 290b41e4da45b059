"""The vocabulary: everything that can happen to a run, as small frozen structs.

A run publishes events; the journal, the desk, the headless printer and the replay only read them. What a screen shows
and what a model is sent are folds of this stream. Nothing of ours is imported here.
"""

import re
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

Gate: TypeAlias = Literal["free", "chapter", "step"]
"""Where a run stops by itself, to be looked at before it goes on: nowhere, when a chapter is done, after each step."""

GATES: tuple[Gate, ...] = ("free", "chapter", "step")


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Something that happened. The journal stamps `seq` and `at` when it takes the event in."""

    seq: int = 0  # position in the book's journal, from 1, never reused; 0 = not in the journal yet
    at: float = 0.0  # seconds since the Unix epoch


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one model call. `prompt_tokens` includes the cached ones."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0  # of the prompt tokens, those written into a cache at a price of their own
    cost: float | None = None  # US dollars, where the server says what it charged
    estimated: bool = False  # True: counted here, because the server reported none


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """One tool call of a reply, as the model sent it: `arguments` is the raw JSON text, untouched."""

    id: str
    name: str
    arguments: str
    extra: str = ""  # JSON of what else came with it and must go back with it (Gemini's thought signature)


# --- the run ------------------------------------------------------------------------------------------------------


class RunStarted(Event, frozen=True, tag="run_started"):
    """A run begins or goes on: sent once each time a studio starts working on the book."""

    book: str  # the folder's name
    backend: str
    model: str
    context: int  # tokens the conversation may take
    base_url: str = ""  # where it was reached, "" for the preset's own
    gate: str = ""  # where it stops by itself, as for `gate_chosen`; "" = not known


class ConversationStarted(Event, frozen=True, tag="conversation_started"):
    """The first messages of the conversation, byte for byte; once a book."""

    system: str
    prompt: str


class TitleGiven(Event, frozen=True, tag="title_given"):
    """The book has a title: sent by `create_project`, or by guided mode."""

    title: str


class StepStarted(Event, frozen=True, tag="step_started"):
    """A model call is about to be made. A step that was cut short starts again under the same number."""

    step: int  # from 1
    limit: int
    message: str = ""  # what this call tells the model as the author's voice: notes, edits, nudges; "" = nothing
    # seq of each author_edited / note_given / answer_given that `message` carries; of a question_asked: nobody answers
    told: tuple[int, ...] = ()


class ToolArriving(Event, frozen=True, tag="tool_arriving"):
    """A tool call has begun to arrive: its name is known, its arguments are still streaming."""

    index: int  # position in the reply, from 0
    name: str
    size: int = 0  # said again: so many characters of arguments that are shown nowhere have come since


class ReasoningDelta(Event, frozen=True, tag="reasoning_delta"):
    """A piece of the model's reasoning, as it arrives."""

    text: str


class ReplyDelta(Event, frozen=True, tag="reply_delta"):
    """A piece of the model's reply outside any tool call, as it arrives."""

    text: str


class ThoughtRecognised(Event, frozen=True, tag="thought_recognised"):
    """What has come of this reply as `reply_delta` was the model's thought: its end was marked, its beginning not."""


class ProseDelta(Event, frozen=True, tag="prose_delta"):
    """A piece of prose, as it arrives inside a tool call that is still being received."""

    file: str  # name inside the book; "" until the model has sent it
    text: str


class ReplyFinished(Event, frozen=True, tag="reply_finished"):
    """The reply is complete: with the deltas since `step_started` it makes the assistant message."""

    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    usage: Usage | None = None  # as the server reported it; None = it did not
    reasoning_details: list[dict[str, Any]] | None = None  # OpenRouter's, to be sent back as they came
    reasoning_field: str = ""  # the name under which the server sent its reasoning


class ReplyCut(Event, frozen=True, tag="reply_cut"):
    """The reply ended before it was complete; what arrived is kept, and the step will be made again."""

    why: str
    advice: str = ""  # what the model has to be told besides, as the name of a prompt: leaked_call, endless_text, …


class PartialKept(Event, frozen=True, tag="partial_kept"):
    """Prose of a cut `write_file`, kept as a version; an append goes on from it. The next file_written ends it."""

    file: str
    sha256: str  # of the text that arrived (of that piece alone, not of the file with it)
    words: int
    mode: str  # create | append | overwrite, or "" if the model had not said yet


class ToolStarted(Event, frozen=True, tag="tool_started"):
    """A tool call is about to be carried out; exactly one for each call of a finished reply."""

    id: str
    name: str


class ToolFinished(Event, frozen=True, tag="tool_finished"):
    """A tool call was carried out; `result` is what the model will read."""

    id: str
    name: str
    ok: bool
    result: str


class StepFinished(Event, frozen=True, tag="step_finished"):
    """A model call and all its tools are done: what `step_started` carried now counts as told."""

    step: int
    usage: Usage
    context_tokens: int  # tokens the conversation takes now
    cost: float | None  # US dollars of this step; None = the price is unknown
    planned: int = 0  # chapters the book is to have, by its outline or its author; 0 = not known
    planned_words: int = 0  # of a chapter, as the author asks; 0 = not known
    done: tuple[str, ...] = ()  # chapters that became done with it
    ahead: dict[str, tuple[float, float, float]] = {}  # steps, tokens, seconds, cost to the end: low, likely, high


class CallAccounted(Event, frozen=True, tag="call_accounted"):
    """A model call outside the conversation (a review, a summary) was made and paid for."""

    purpose: str
    usage: Usage
    cost: float | None


class ContextCompressed(Event, frozen=True, tag="context_compressed"):
    """The conversation was replaced by its first messages and `summary`."""

    before: int  # tokens
    after: int  # tokens
    summary: str = ""
    digest: str = ""  # of `summary` the part that tells what happened, which the next one is anchored on


class SummaryKept(Event, frozen=True, tag="summary_kept"):
    """A summary of the run so far, from which the book can be gone on with; nothing else changes by it."""

    step: int  # the last finished one it covers
    summary: str


class MemoryChecked(Event, frozen=True, tag="memory_checked"):
    """After a compression: what was known before, and how much of it can still be reached without asking a model."""

    known: int  # names, places, numbers, promises, directives of the author's
    reachable: int  # of these, in the conversation as it is now or in a pinned file
    missing: tuple[str, ...] = ()  # what was put back as an index


class ChapterReviewed(Event, frozen=True, tag="chapter_reviewed"):
    """A chapter was read by the rubric."""

    file: str
    sha256: str  # of the text that was read
    round: int  # from 1
    scores: dict[str, float]  # criterion -> 0..10
    report: str  # name of the file under notes/reviews/
    reply: str = ""  # sha256 of the reader's words, kept as a version with the text that was read
    id: str = ""  # of the tool call that asked for it: after a crash it is not asked for again
    rounds: int = 0  # that the book allows a chapter; 0 = not known


class LimitNear(Event, frozen=True, tag="limit_near"):
    """A limit of the run comes near; once for each limit, and once more each time it was raised."""

    what: str  # steps | money | time
    used: float  # steps, US dollars, seconds
    limit: float


class LoopSuspected(Event, frozen=True, tag="loop_suspected"):
    """The agent gets nowhere: it is told so, and if that does not help, the run pauses."""

    diagnosis: str  # a sentence for the author


class Paused(Event, frozen=True, tag="paused"):
    """The run stands still: no call is under way and none starts until `resumed`."""

    why: str
    by: str = "author"  # author | gate | limit | fault | disk: who has to do something about it
    ahead: str = ""  # what the rest of the book is likely to take, in words; "" = that can't be told yet


class Resumed(Event, frozen=True, tag="resumed"):
    """The run goes on after `paused`."""


class GateChosen(Event, frozen=True, tag="gate_chosen"):
    """The author chose where the run stops by itself, to be looked at before it goes on."""

    gate: str  # free: nowhere | chapter: when a chapter is done | step: after each step


class QuestionAsked(Event, frozen=True, tag="question_asked"):
    """The agent asks the author something."""

    text: str
    id: str = ""  # of the tool call that asks, one for each in a book; "" = the run itself asks
    waits: bool = True  # nothing goes on until it is answered; False: it is queued, and the agent goes on


class AnswerGiven(Event, frozen=True, tag="answer_given"):
    """The author answered an open question."""

    text: str
    id: str = ""  # of the question; "" = the one that the run waits for


class CowritingStarted(Event, frozen=True, tag="cowriting_started"):
    """The author and the agent talk the book over, in turns, before any of it is written."""


class TurnEnded(Event, frozen=True, tag="turn_ended"):
    """In co-writing: the agent has said its part, and it is the author's turn."""


class CowritingEnded(Event, frozen=True, tag="cowriting_ended"):
    """The author says go: what was settled goes into outline and bible, and the book is written."""


class RunFinished(Event, frozen=True, tag="run_finished"):
    """The book is done, or the author stopped the run; `reason` says which."""

    reason: str


class RunFailed(Event, frozen=True, tag="run_failed"):
    """The run can't go on; everything is kept and `studio resume` goes on from here."""

    error: str


# --- files --------------------------------------------------------------------------------------------------------


class DiskFault(Event, frozen=True, tag="disk_fault"):
    """The disk refuses what has to be durable: it is held in memory, and the run pauses until there is room."""

    error: str


class DiskBack(Event, frozen=True, tag="disk_back"):
    """The disk has taken everything that was held in memory since `disk_fault`."""


class WriteIntended(Event, frozen=True, tag="write_intended"):
    """The agent is about to change a file: durable, with the new text as a version, before the disk is touched."""

    id: str  # one per write; its file_written or write_dropped carries the same
    file: str
    before: str  # sha256 of the content on disk that the write starts from; "" = the file did not exist
    sha256: str  # of the content about to be put on disk
    agent_sha256: str  # of the text as the agent believes it to be; differs from sha256 after a merge
    mode: str
    temp: str  # name of the temporary file, beside the journal
    result: str = ""  # what the tool will answer once the write is on disk


class FileWritten(Event, frozen=True, tag="file_written"):
    """The agent's text is on disk."""

    file: str
    sha256: str  # of the file's content, UTF-8
    words: int
    mode: str  # create | append | overwrite | edit
    agent_sha256: str = ""  # of the text as the agent believes it to be; the base of the next merge
    merged: bool = False  # True: the author's changes were merged in
    id: str = ""  # of the write_intended it settles
    open_in_editor: bool = False  # True: an editor had it open, and should load it anew before the author saves


class WriteDropped(Event, frozen=True, tag="write_dropped"):
    """A write that was intended has not been made and is not under way any more: what is on disk is the author's."""

    file: str
    id: str  # of its write_intended


class FileRead(Event, frozen=True, tag="file_read"):
    """The agent has read this version in full."""

    file: str
    sha256: str


class AuthorEdited(Event, frozen=True, tag="author_edited"):
    """The author's editor put a new text on disk (or removed the file); the text is kept as a version."""

    file: str
    sha256: str  # "" = the file is gone
    words: int
    diff: str  # unified diff against the content known before
    id: str = ""  # of the write_intended it settles: the studio put it there at the author's wish (a restore)
    saved_at: float = 0.0  # seconds since the epoch, as the file says; 0 = not known
    before: str = ""  # sha256 of the text it was made from, not always the one on disk; "" = what was there, or nothing


class FactChanged(Event, frozen=True, tag="fact_changed"):
    """An edit of the author's changed a name, a figure or a date, or struck a passage that others rest on."""

    file: str  # where the author changed it
    old: str
    new: str  # "" = it was struck
    places: int  # where the old one still stands in the book
    files: tuple[str, ...] = ()  # in which files


class AuthorRenamed(Event, frozen=True, tag="author_renamed"):
    """The author gave a file another name; its text is the same."""

    file: str
    to: str


class ConflictCopyFound(Event, frozen=True, tag="conflict_copy_found"):
    """A program that keeps folders in step left a second version of a file beside it; it is no file of the book."""

    file: str  # the copy
    of: str  # the file it is a version of


class LocksChanged(Event, frozen=True, tag="locks_changed"):
    """The author has locked these files, and no others: the agent's tools refuse to change them."""

    files: tuple[str, ...]  # names and patterns, as they stand in book.yaml


class RestoreBegun(Event, frozen=True, tag="restore_begun"):
    """The author wants files back as they were: an author_edited follows for each, then restore_finished."""

    files: dict[str, str]  # file -> sha256 of the text it gets; "" = it goes
    why: str  # what was asked for, as a clause: "chapter_01.md as of version 12"


class RestoreFinished(Event, frozen=True, tag="restore_finished"):
    """What restore_begun names is on disk."""


class NoteGiven(Event, frozen=True, tag="note_given"):
    """The author typed a note to the agent."""

    text: str


class MergeConflict(Event, frozen=True, tag="merge_conflict"):
    """Author and agent changed the same sentences: the author's stay, the agent's are kept here."""

    file: str
    author: str
    agent: str


# --- the backend --------------------------------------------------------------------------------------------------


class BackendPreparing(Event, frozen=True, tag="backend_preparing"):
    """The backend is getting ready (fetching weights, loading a model)."""

    text: str
    done: float | None = None  # 0..1, or None when it can't be told


class BackendSwitched(Event, frozen=True, tag="backend_switched"):
    """From the next call on, this backend answers."""

    backend: str
    model: str
    context: int
    base_url: str = ""
    context_tokens: int | None = None  # tokens the conversation takes there, estimated; None = as it was
    changes: tuple[str, ...] = ()  # what is different now, for the author: window, price, how the book is written


class BackendFault(Event, frozen=True, tag="backend_fault"):
    """A model call failed."""

    error: str
    retry_in: float | None  # seconds until the next try; None = no further try by itself


AnyEvent: TypeAlias = (
    RunStarted
    | ConversationStarted
    | TitleGiven
    | StepStarted
    | ToolArriving
    | ReasoningDelta
    | ReplyDelta
    | ThoughtRecognised
    | ProseDelta
    | ReplyFinished
    | ReplyCut
    | PartialKept
    | ToolStarted
    | ToolFinished
    | StepFinished
    | CallAccounted
    | ContextCompressed
    | SummaryKept
    | MemoryChecked
    | ChapterReviewed
    | LimitNear
    | LoopSuspected
    | Paused
    | Resumed
    | GateChosen
    | QuestionAsked
    | AnswerGiven
    | CowritingStarted
    | TurnEnded
    | CowritingEnded
    | RunFinished
    | RunFailed
    | DiskFault
    | DiskBack
    | WriteIntended
    | FileWritten
    | WriteDropped
    | FileRead
    | AuthorEdited
    | FactChanged
    | AuthorRenamed
    | ConflictCopyFound
    | LocksChanged
    | RestoreBegun
    | RestoreFinished
    | NoteGiven
    | MergeConflict
    | BackendPreparing
    | BackendSwitched
    | BackendFault
)

Delta: TypeAlias = ReasoningDelta | ReplyDelta | ProseDelta
"""The events that come by the thousand; the journal groups neighbours of one kind into one record."""

DELTAS = (ReasoningDelta, ReplyDelta, ProseDelta)

Emit: TypeAlias = Callable[[Event], None]
"""How a run publishes: a plain synchronous call."""

Reader: TypeAlias = Callable[[Event], None]
"""Someone who is told every event, in order."""


class Record(Protocol):
    """How a run publishes an event together with the texts it is about: one transaction, versions and event."""

    def __call__(self, event: Event, /, *texts: str) -> Event:
        """Stamp the event, keep the texts as versions by their SHA-256, hand it on; returns the stamped event."""


_ODD = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """One line of JSON (no newline): the journal's body and the headless output are the same bytes."""
    return plain_json(_encoder.encode(event))


def plain_json(line: bytes) -> bytes:
    """The same JSON with what JSON allows, and some reader or terminal takes for something else, as escapes.

    U+0085, U+2028 and U+2029 end a line for some readers; DEL and C1 act on a terminal, U+009B as ESC [ does.
    """
    if line.isascii() and b"\x7f" not in line:
        return line
    return _ODD.sub(lambda odd: b"\\u%04x" % ord(odd[0].decode()), line)


def decode(body: bytes) -> AnyEvent:
    """The event back from `encode`. Raises `msgspec.DecodeError` for anything else; unknown fields are ignored."""
    try:
        return _decoder.decode(body)
    except UnicodeDecodeError as error:  # msgspec lets it through where a string is broken UTF-8
        raise msgspec.DecodeError(str(error)) from error

"""However a reply breaks off, nothing that arrived is lost, and nothing of it is asked for twice."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from loopback import CLOSE, RESET, Answer, Raw, Wire
from played_book import CHAPTER, FINISH, ONE, TWO, WRITE, Played, assert_echoed, calls, only, writes

from studio import events as ev

Play = Callable[..., Awaitable[Played]]
KEPT = "# Ebb\n\nThe tide went out. It did not come back. "
LOST = "Mara wal"
REST = "Mara walked on.\n\nShe found a tent — empty.\n"
OPENED = json.dumps({"filename": ONE, "mode": "create", "content": KEPT + LOST})[:-2]  # its text is not closed
HALF = [
    Wire.delta(reasoning_content="Now the chapter."),
    Wire.call("", name="write_file", id="write_file:0"),
    *(Wire.call(OPENED[i : i + 10]) for i in range(0, len(OPENED), 10)),
]


def error(**fields: Any) -> bytes:
    return Wire.data({"error": fields})


# What the errors below say.
WORDS = re.compile(
    "Provider disconnected|quite full|upstream gone|slot lost|Internal Server Error|Bad Gateway|upstream connect"
)

CUTS: dict[str, list[Any]] = {
    "the stream just ends": [],
    "there is a [DONE] and no finish reason": [Wire.DONE],
    "the connection ends in good order inside the chunked encoding": [CLOSE],
    "the connection is reset": [RESET],
    "the chunked encoding is broken": [Raw(b"zz\r\nnonsense\r\n")],
    "the chunked encoding promises more than comes": [Raw(b"ffff\r\ndata: {"), CLOSE],
    "the last event is cut in its middle": [b'data: {"choices": [{"index": 0, "del'],
    "a letter is cut in its middle": ['data: {"choices": [{"index": 0, "delta": {"content": "é'.encode()[:-1]],
    "an error with a code that is a number": [error(code=502, message="Provider disconnected"), Wire.DONE],
    "an error with a code that is a word": [error(code="server_error", message="Provider disconnected"), Wire.DONE],
    "an error with a code that is a number in words": [error(code="502", message="Provider disconnected")],
    "an error with its cause hidden": [
        error(code=502, message="Provider returned error", metadata={"raw": "quite full", "error_type": "x"})
    ],
    "an error beside choices": [
        Wire.data(
            {
                "error": {"code": "server_error", "message": "Provider disconnected"},
                "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            }
        )
    ],
    "an error that is a word": [Wire.data({"error": "upstream gone"})],
    "an error line, as llama.cpp's": [b'error: {"code": 500, "message": "slot lost", "type": "server_error"}\n\n'],
    "an error event": [b'event: error\ndata: {"message": "upstream gone"}\n\n'],
    "an error event of a word": [b"event: error\ndata: upstream gone\n\n"],
    "an error without any framing": [b'{"error": {"message": "slot lost"}}\n'],
    "something that is no JSON": [b"data: Internal Server Error\n\n"],
    "a web page of a proxy's": [b"data: <html><body>502 Bad Gateway</body></html>\n\n"],
    "a finish reason that says error": [Wire.delta("error"), Wire.DONE],
    "a finish reason that says abort": [Wire.delta("abort"), Wire.DONE],
    "Ollama's empty chunk, and then nothing": [Wire.delta(role="assistant", content="")],
    "the limit of a reply's length": [Wire.delta("length"), Wire.DONE],
    "the limit of a reply's length, under another name": [Wire.delta("max_tokens"), Wire.DONE],
}


@pytest.mark.parametrize("end", CUTS.values(), ids=CUTS.keys())
async def test_a_chapter_that_was_cut_is_kept_and_gone_on_from(end: list[Any], play: Play) -> None:
    book = await play(Answer([*HALF, *end]), writes(REST, mode="append", id="write_file:1"))
    assert (book.code, book.failure, len(book.requests)) == (0, "", 3)
    assert book.files == only(KEPT + REST)
    [kept] = book.of(ev.PartialKept)
    assert (kept.file, kept.words) == (ONE, 10)
    # The server's own words, where it had any, are the author's to read.
    [cut] = book.of(ev.ReplyCut)
    assert all(words in why for words in WORDS.findall(repr(end)) for why in (cut.why, book.faults[0].error))
    kinds = [kind for kind in book.kinds if kind in ("step_started", "partial_kept", "reply_cut", "file_written")]
    assert kinds == ["step_started", "partial_kept", "reply_cut", "step_started", "file_written", "step_started"]
    assert [event.step for event in book.of(ev.StepStarted)] == [1, 1, 2]
    # The conversation goes on behind what was sent before, with the end of what is kept and how to go on.
    assert book.sent(1)[:-1] == book.sent(0)
    assert "It did not come back.»" in book.told(1)
    assert 'mode "append"' in book.told(1) and ONE in book.told(1)
    assert LOST not in book.told(1)
    assert_echoed(book.sent(2))
    assert book.prose() == KEPT + LOST + REST


NOTHING: dict[str, list[Any]] = {
    "no bytes at all": [],
    "only [DONE]": [Wire.DONE],
    "only comments": [b": OPENROUTER PROCESSING\n\n"] * 3,
    "only a role": [Wire.delta(role="assistant", content=""), Wire.DONE],
    "a connection that is reset": [RESET],
    "a chunked encoding that is broken": [Raw(b"zz\r\n")],
    "an error in its first chunk": [error(code=502, message="Provider disconnected")],
    "an error line first": [b'error: {"message": "slot lost"}\n\n'],
    "an error event first": [b'event: error\ndata: {"message": "upstream gone"}\n\n'],
    "something that is no JSON": [b"data: upstream connect error\n\n"],
}


@pytest.mark.parametrize("pieces", NOTHING.values(), ids=NOTHING.keys())
async def test_a_call_that_brought_nothing_is_made_again_as_it_was(pieces: list[Any], play: Play) -> None:
    book = await play(Answer(pieces), writes())
    assert (book.code, len(book.requests), book.files) == (0, 3, only())
    assert book.requests[1].raw == book.requests[0].raw
    [fault] = book.faults
    assert fault.retry_in is not None
    assert all(words in fault.error for words in WORDS.findall(repr(pieces)))
    assert (book.of(ev.PartialKept), book.of(ev.ReplyCut)) == ([], [])
    assert [event.step for event in book.of(ev.StepStarted)] == [1, 2]


async def test_words_that_were_cut_are_quoted_back(play: Play) -> None:
    book = await play(Answer([*Wire.text("The outline is clear. ", "Now I")]), writes())
    assert (book.code, len(book.requests), book.files) == (0, 3, only())
    assert len(book.of(ev.ReplyCut)) == len(book.faults) == 1
    assert book.sent(1)[:-1] == book.sent(0)
    assert "«The outline is clear. Now I»" in book.told(1)


async def test_a_reply_cut_in_its_second_call_keeps_the_prose_of_both(play: Play) -> None:
    half = Wire.call('{"filename": "chapter_02.md", "content": "It rose. The ti', name="write_file", id="b", index=1)
    book = await play(
        Answer([Wire.call(WRITE, name="write_file", id="a"), half, RESET]),
        writes("", mode="append", id="c"),
        writes("The tide rose.\n", TWO, mode="append", id="d"),
    )
    assert (book.code, len(book.requests)) == (0, 4)
    assert [event.file for event in book.of(ev.PartialKept)] == [ONE, TWO]
    assert book.tools == [("write_file", True), ("write_file", True), ("finish", True)]
    assert book.files == {ONE: CHAPTER.encode(), TWO: b"It rose. The tide rose.\n"}


async def test_a_break_after_the_finish_reason_is_no_break(play: Play) -> None:
    book = await play(Answer([*writes().pieces[:-1], RESET]))
    assert (book.code, len(book.requests), book.files) == (0, 2, only())
    assert (book.faults, book.of(ev.ReplyCut)) == ([], [])


async def test_a_chapter_cut_twice_comes_together_out_of_three_pieces(play: Play) -> None:
    more = json.dumps({"filename": ONE, "mode": "append", "content": "Mara walked on. Sh"})[:-2]
    second = Answer([Wire.call(more, name="write_file", id="b"), RESET])
    book = await play(Answer([*HALF, RESET]), second, writes("She found a tent.\n", mode="append", id="c"))
    assert (book.code, len(book.requests)) == (0, 4)
    assert book.files == only(KEPT + "Mara walked on. She found a tent.\n")
    assert "Mara walked on.»" in book.told(2)


async def test_a_cut_that_never_stops_is_put_to_the_author(play: Play) -> None:
    book = await play(*[Answer([*HALF, RESET])] * 30)
    assert book.code == 1
    assert 3 <= len(book.requests) <= 12
    assert book.faults[-1].retry_in is None and book.failure == book.faults[-1].error
    assert book.kinds[-1] == "run_failed"


# --- replies that came to an end, and are of no use -------------------------------------------------------------------

EMPTY = Answer([Wire.delta(role="assistant", content=""), Wire.delta("stop"), Wire.DONE])
BLANK = Answer([Wire.delta(content="\n \n"), Wire.delta("stop"), Wire.DONE])
WITHOUT = Answer([Wire.delta(content="Let me use the tool."), Wire.delta("stop"), Wire.DONE])
PROMISED = Answer([Wire.delta(content="I write it now."), Wire.delta("tool_calls"), Wire.DONE])


@pytest.mark.parametrize("answer", [EMPTY, BLANK], ids=["nothing", "blanks"])
async def test_an_empty_reply_is_asked_for_again_then_the_model_is_told(answer: Answer, play: Play) -> None:
    book = await play(answer, answer, writes())
    assert (book.code, len(book.requests), book.files) == (0, 4, only())
    assert book.sent(1) == book.sent(0)
    assert "called no tool" in book.told(2)
    assert {message["role"] for message in book.sent(2)} == {"system", "user"}  # no empty message of the assistant's


async def test_a_model_that_only_ever_answers_with_nothing_is_put_to_the_author(play: Play) -> None:
    book = await play(*[EMPTY] * 30)
    assert (book.code, [paused.by for paused in book.of(ev.Paused)]) == (3, ["limit"])
    assert "neither words nor a tool call" in book.of(ev.LoopSuspected)[-1].diagnosis
    assert len(book.requests) <= 10


@pytest.mark.parametrize("answer", [WITHOUT, PROMISED], ids=["stop", "tool_calls"])
async def test_a_reply_that_promises_a_call_and_makes_none_is_nudged(answer: Answer, play: Play) -> None:
    book = await play(answer, writes())
    assert (book.code, len(book.requests), book.files) == (0, 3, only())
    assert "called no tool" in book.told(1)
    assert (book.faults, book.of(ev.ReplyCut)) == ([], [])
    assert book.sent(1)[-2]["role"] == "assistant"


async def test_words_that_reach_the_limit_of_a_reply_s_length_are_not_said_again(play: Play) -> None:
    book = await play(Answer([*Wire.text("The tide. " * 30), Wire.delta("length"), Wire.DONE]), writes())
    assert (book.code, len(book.requests), book.files) == (0, 3, only())
    assert "do not say it again" in book.told(1)
    assert book.sent(1)[-2]["content"] == "The tide. " * 30


async def test_a_whole_call_at_the_limit_of_a_reply_s_length_is_carried_out(play: Play) -> None:
    book = await play(Answer([Wire.call(WRITE, name="write_file", id="a"), Wire.delta("length"), Wire.DONE]))
    assert (book.code, len(book.requests), book.files) == (0, 2, only())


async def test_brackets_up_to_the_limit_of_a_reply_s_length_are_half_a_call(play: Play) -> None:
    opening = Answer([Wire.call('{"filename":' + "[" * 50_000, name="write_file"), Wire.delta("length"), Wire.DONE])
    book = await play(opening, writes())
    assert (book.code, book.failure, book.files) == (0, "", only())


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
async def test_half_a_chapter_is_never_taken_for_the_whole_of_it(reason: str, play: Play) -> None:
    book = await play(Answer([*HALF, Wire.delta(reason), Wire.DONE]), writes(REST, mode="append", id="b"))
    assert book.code == 0
    assert book.files == only(KEPT + REST)
    assert 'mode "append"' in book.told(1) and LOST not in book.told(1)


async def test_a_chapter_that_a_filter_stopped_is_kept_and_the_author_is_told(play: Play) -> None:
    book = await play(Answer([*HALF, Wire.delta("content_filter"), Wire.DONE]), *[FINISH] * 3)
    assert (book.code, len(book.requests), book.files) == (1, 1, {})
    assert [event.file for event in book.of(ev.PartialKept)] == [ONE]
    assert "filter" in book.failure and book.faults[-1].retry_in is None


async def test_a_refusal_by_a_filter_is_not_asked_for_again_and_again(play: Play) -> None:
    book = await play(*[Answer([Wire.delta("content_filter"), Wire.DONE])] * 30)
    assert book.code in (1, 3)
    assert len(book.requests) <= 2
    assert "filter" in book.failure + "".join(event.text for event in book.of(ev.QuestionAsked))


async def test_a_broken_call_is_answered_with_what_is_wrong_and_goes_back_as_json(play: Play) -> None:
    broken = Answer([Wire.call("not json at all", name="write_file", id="a"), Wire.delta("tool_calls"), Wire.DONE])
    book = await play(broken, calls("write_file", "b", filename=ONE), writes())
    assert (book.code, book.files) == (0, only())
    assert book.tools == [("write_file", False), ("write_file", False), ("write_file", True), ("finish", True)]
    assert "not valid JSON" in book.sent(1)[-1]["content"]
    assert "content" in book.sent(2)[-1]["content"]
    assert_echoed(book.sent(3))


REFUSED = {"code": "tool_use_failed", "message": "Tool call validation failed: missing properties: 'content'"}


@pytest.mark.parametrize(
    "refusal",
    [
        Answer([Wire.delta(reasoning="Now the chapter."), Wire.data({"error": {**REFUSED, "status_code": 400}})]),
        Answer([b"event: error\n" + Wire.data({"error": REFUSED})]),
        Wire.json({"error": {**REFUSED, "failed_generation": "<function=write_file>{}"}}, 400),
    ],
    ids=["in the stream", "as an event", "as a status"],
)
async def test_a_call_that_the_server_refused_is_asked_for_again_with_the_reason(refusal: Answer, play: Play) -> None:
    book = await play(refusal, writes())
    assert (book.code, book.files) == (0, only())
    [cut] = book.of(ev.ReplyCut)
    assert cut.advice == "refused_call" and "missing properties" in cut.why
    assert "did not match the tool's schema" in book.told(1)
    assert book.tools == [("write_file", True), ("finish", True)]

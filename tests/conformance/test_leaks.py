"""What a server forgot to take out of its model's template: a call among it is carried out, none of it is shown."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from loopback import CLOSE, Answer, Wire
from played_book import CHAPTER, ONE, OTHER, TWO, WRITE, Played, arguments, assert_as_asked, assert_echoed, only, writes

from studio import events as ev

Play = Callable[..., Awaitable[Played]]
MARKERS = ("<|", "|>", "think>", "tool_call", "functions.")
SAID = "I write chapter one."
BEGIN, END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"


def k2(raw: str = WRITE, head: str = "functions.write_file:0") -> str:
    return f"<|tool_call_begin|>{head}<|tool_call_argument_begin|>{raw}<|tool_call_end|>"


def k3(raw: str = WRITE, name: str = "write_file") -> str:
    inside = "".join(
        f'<|open|>argument key="{key}" type="string"<|sep|>{value}<|close|>argument<|sep|>'
        for key, value in json.loads(raw).items()
    )
    return f'<|open|>call tool="{name}" index="1"<|sep|>{inside}<|close|>call<|sep|>'


K2 = BEGIN + k2() + END
K3 = f"<|open|>tools<|sep|>{k3()}<|close|>tools<|sep|>"


def says(*texts: str, field: str = "content", end: str = "stop") -> Answer:
    return Answer([*(Wire.delta(**{field: text}) for text in texts), Wire.delta(end), Wire.DONE])


def assert_clean(book: Played) -> None:
    """No marker was shown, and none goes back to the model."""
    shown = book.reply + book.reasoning + "".join(event.text for event in book.of(ev.ProseDelta))
    sent = json.dumps([body["messages"][2:] for body in book.bodies], ensure_ascii=False).replace('"tool_call', "")
    assert [marker for marker in MARKERS if marker in shown] == []
    assert [marker for marker in MARKERS[:3] if marker in sent] == []


LEAKS: dict[str, list[dict[str, str]]] = {
    "Kimi K2's call in the text": [{"content": SAID}, {"content": K2}],
    "Kimi K2's call in the text, a letter a delta": [{"content": letter} for letter in SAID + K2],
    "Kimi K2's call in the text, five letters a delta": [
        {"content": (SAID + K2)[i : i + 5]} for i in range(0, len(SAID + K2), 5)
    ],
    "Kimi K2's call without its section": [{"content": SAID + k2()}],
    "Kimi K2's call with its section named in the singular": [
        {"content": SAID + K2.replace("tool_calls_section", "tool_call_section")}
    ],
    "Kimi K2's call with blanks between its markers": [
        {"content": SAID + BEGIN + "\n" + k2(head=" functions.write_file:0 ") + "\n" + END}
    ],
    "Kimi K2's call under a short id": [{"content": SAID + BEGIN + k2(head="write_file:12") + END}],
    "Kimi K2's call under its name alone": [{"content": SAID + BEGIN + k2(head="write_file") + END}],
    "Kimi K2's call in the thought": [{"content": SAID}, {"reasoning_content": "Now." + K2}],
    "Kimi K2's call in the thought, a letter a delta": [
        {"content": SAID},
        *({"reasoning_content": letter} for letter in "Now." + K2),
    ],
    "Kimi K2's call in a thought between tags that is never closed": [{"content": SAID + "<think>Now." + K2}],
    "Kimi K3's call in the text": [{"content": SAID}, {"content": K3}],
    "Kimi K3's call in the text, a letter a delta": [{"content": letter} for letter in SAID + K3],
    "Kimi K3's call after its thought": [
        {"content": "<|open|>think<|sep|>Now.<|close|>think<|sep|><|open|>response<|sep|>" + SAID},
        {"content": "<|close|>response<|sep|>" + K3},
    ],
    "Kimi K3's call in the thought": [{"content": SAID}, {"reasoning": "Now." + K3}],
}


@pytest.mark.parametrize("deltas", LEAKS.values(), ids=LEAKS.keys())
async def test_a_call_that_leaked_is_carried_out_as_the_call_it_is(deltas: list[dict[str, str]], play: Play) -> None:
    book = await play(Answer([*(Wire.delta(**delta) for delta in deltas), Wire.delta("stop"), Wire.DONE]))
    assert_as_asked(book)
    assert_clean(book)
    assert book.reply == SAID
    assert book.reasoning in ("", "Now.")
    [echo] = [message for message in book.sent(1) if message["role"] == "assistant"]
    assert echo["content"] == SAID
    assert json.loads(echo["tool_calls"][0]["function"]["arguments"]) == json.loads(WRITE)


async def test_two_calls_that_leaked_are_two(play: Play) -> None:
    section = BEGIN + k2() + k2(arguments(OTHER, TWO), "functions.write_file:1") + END
    book = await play(says(SAID, section, end="tool_calls"))
    assert (book.code, len(book.requests)) == (0, 2)
    assert book.files == {ONE: CHAPTER.encode(), TWO: OTHER.encode()}
    assert_echoed(book.sent(1))
    assert_clean(book)


async def test_two_calls_of_kimi_k3_that_leaked_are_two(play: Play) -> None:
    book = await play(says(f"<|open|>tools<|sep|>{k3()}{k3(arguments(OTHER, TWO))}<|close|>tools<|sep|>"))
    assert (book.code, len(book.requests)) == (0, 2)
    assert book.files == {ONE: CHAPTER.encode(), TWO: OTHER.encode()}
    assert_echoed(book.sent(1))


async def test_a_call_that_was_leaked_and_sent_as_well_is_carried_out_once(play: Play) -> None:
    proper = Wire.call(WRITE, name="write_file", id="functions.write_file:0")
    book = await play(Answer([*Wire.text(SAID, K2), proper, Wire.delta("tool_calls"), Wire.DONE]))
    assert (book.code, len(book.requests), book.files) == (0, 2, only())
    assert book.tools == [("write_file", True), ("finish", True)]
    assert_clean(book)


async def test_words_around_a_leaked_call_stay(play: Play) -> None:
    book = await play(says("Before. " + K2 + "After."))
    assert_as_asked(book)
    assert book.reply == "Before. After."


@pytest.mark.parametrize("field", ["reasoning_content", "content"], ids=["a field", "tags"])
async def test_a_thought_around_a_leaked_call_stays_a_thought(field: str, play: Play) -> None:
    thought = "Now. " + K2 + "Then."
    deltas = [{field: f"<think>{thought}</think>" if field == "content" else thought}, {"content": SAID}]
    book = await play(Answer([*(Wire.delta(**delta) for delta in deltas), Wire.delta("stop"), Wire.DONE]))
    assert_as_asked(book)
    assert (book.reasoning, book.reply) == ("Now. Then.", SAID)


STRAY = ["<|im_end|>", "<|end_of_msg|>", "<|sep|>", "<|close|>message<|sep|>", "<|open|>response<|sep|>"]


@pytest.mark.parametrize("marker", STRAY)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "a letter a delta"])
async def test_a_stray_marker_is_not_shown(marker: str, cut: bool, play: Play) -> None:
    text = SAID + marker
    deltas = [Wire.delta(content=piece) for piece in (text if cut else [text])]
    book = await play(Answer([*deltas, *writes().pieces]))
    assert_as_asked(book)
    assert SAID in book.reply + book.reasoning
    assert_clean(book)


INNOCENT = {
    "a sign of comparison": "If a < b, then b > a; and <b> is a tag, <think hard> is none.",
    "a bar": "x <| y, a|>b, <|unknown|> and <",
    "an arrow at the end": "It goes on <",
    "half a tag at the end": "It goes on <thi",
}


@pytest.mark.parametrize("text", INNOCENT.values(), ids=INNOCENT.keys())
async def test_what_only_looks_like_a_marker_is_shown_to_the_last_sign(text: str, play: Play) -> None:
    book = await play(Answer([*(Wire.delta(content=letter) for letter in text), *writes().pieces]))
    assert_as_asked(book)
    assert book.reply == text


async def test_a_chapter_about_markers_keeps_them(play: Play) -> None:
    text = f"# Tags\n\n<think>She thought.</think> {K2} {K3} <|im_end|>\n"
    book = await play(writes(text))
    assert (book.code, book.files, book.prose()) == (0, only(text), text)
    assert (book.reasoning, book.reply) == ("", "")
    assert json.loads(book.sent(1)[-2]["tool_calls"][0]["function"]["arguments"])["content"] == text


# --- leaks that hold no whole call ------------------------------------------------------------------------------------

HALF = WRITE[: WRITE.index("won")]

UNREADABLE: dict[str, str] = {
    "Kimi K2's, cut in its text": BEGIN + k2(HALF).removesuffix("<|tool_call_end|>"),
    "Kimi K2's, cut in its text and closed": BEGIN + k2(HALF) + END,
    "Kimi K2's, cut before its arguments": BEGIN + "<|tool_call_begin|>functions.write_file:0",
    "Kimi K2's, with arguments that are none": BEGIN + k2("chapter one") + END,
    "Kimi K2's, without a name": BEGIN + k2(head="") + END,
    "Kimi K3's, cut in its text": K3[: K3.index("won")],
    "Kimi K3's, cut in a tag": K3[: K3.index("key=")],
}


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
@pytest.mark.parametrize("leak", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_a_leaked_call_that_can_t_be_read_is_asked_for_as_a_proper_one(leak: str, field: str, play: Play) -> None:
    book = await play(says(SAID, leak, field=field), writes())
    assert (book.code, len(book.requests)) == (0, 3)
    assert book.files == only()
    assert [event.advice for event in book.of(ev.ReplyCut)] == ["leaked_call"]
    assert "proper tool call" in book.told(1)
    assert [name for name, _ in book.tools] == ["write_file", "finish"]
    assert_clean(book)


@pytest.mark.parametrize("leak", [BEGIN + END, "<|open|>tools<|sep|><|close|>tools<|sep|>"], ids=["K2", "K3"])
async def test_a_section_with_no_call_in_it_is_told_to_the_model(leak: str, play: Play) -> None:
    book = await play(says(SAID, leak), writes())
    assert (book.code, len(book.requests), book.files) == (0, 3, only())
    assert "tool" in book.told(1)
    assert_clean(book)


async def test_a_leaked_call_that_never_gets_better_is_put_to_the_author(play: Play) -> None:
    book = await play(*[says(SAID, UNREADABLE["Kimi K2's, cut in its text"])] * 30)
    assert book.code in (1, 3)
    assert len(book.requests) <= 12


async def test_a_leaked_call_in_a_stream_that_breaks_off_is_a_cut(play: Play) -> None:
    pieces: list[Any] = [*Wire.text(SAID, BEGIN + k2(HALF).removesuffix("<|tool_call_end|>")), CLOSE]
    book = await play(Answer(pieces), writes())
    assert (book.code, len(book.requests), book.files) == (0, 3, only())
    assert len(book.of(ev.ReplyCut)) == 1
    assert_clean(book)

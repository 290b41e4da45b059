"""Whatever a server calls its model's thought, the author reads it once, and the server gets it back as it wants it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from loopback import Answer, Wire
from played_book import CHAPTER, ONE, OTHER, TWO, WRITE, Played, assert_as_asked, writes

from studio import events as ev

Play = Callable[..., Awaitable[Played]]
THOUGHT = "The sea first. Then — 島 — the tent."
SAID = "I begin with chapter one."
HALVES = [THOUGHT[:16], THOUGHT[16:]]
CALL = [Wire.call(WRITE, name="write_file", id="write_file:0"), Wire.delta("tool_calls"), Wire.DONE]


def thinks(*deltas: dict[str, Any], said: str = SAID) -> Answer:
    """A reply that thinks in these deltas, says something and writes the chapter."""
    return Answer([*(Wire.delta(**delta) for delta in deltas), Wire.delta(content=said), *CALL])


def text_detail(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "format": "moonshot", "index": 0, **more}


def part(kind: str, text: str) -> dict[str, Any]:
    return (
        {"type": kind, "thinking": [{"type": "text", "text": text}]}
        if kind == "thinking"
        else {
            "type": kind,
            "text": text,
        }
    )


ONCE = {
    "as reasoning_content": [{"reasoning_content": half} for half in HALVES],
    "as reasoning": [{"reasoning": half} for half in HALVES],
    "as reasoning_details alone": [{"reasoning_details": [text_detail(half)]} for half in HALVES],
    "as details that are a summary": [
        {"reasoning_details": [{"type": "reasoning.summary", "summary": half, "index": 0}]} for half in HALVES
    ],
    "as reasoning and reasoning_details": [
        {"reasoning": half, "reasoning_details": [text_detail(half)]} for half in HALVES
    ],
    "as reasoning_content and reasoning_details": [
        {"reasoning_content": half, "reasoning_details": [text_detail(half)]} for half in HALVES
    ],
    "as reasoning_content and reasoning": [{"reasoning_content": half, "reasoning": half} for half in HALVES],
    "under all three names": [
        {"reasoning_content": half, "reasoning": half, "reasoning_details": [text_detail(half)]} for half in HALVES
    ],
    "as reasoning_content, and once more in details of a chunk of their own": [
        *({"reasoning_content": half} for half in HALVES),
        {"reasoning_details": [text_detail(THOUGHT)]},
    ],
    "beside a content that is null": [{"reasoning_content": half, "content": None} for half in HALVES],
    "beside a content that is empty": [{"reasoning": half, "content": ""} for half in HALVES],
    "beside another name that is null": [{"reasoning_content": half, "reasoning": None} for half in HALVES],
    "after a first delta that is empty": [{"role": "assistant", "reasoning_content": ""}]
    + [{"reasoning": half} for half in HALVES],
    "between tags in the text": [{"content": f"<think>{THOUGHT}</think>"}],
    "between tags that are cut between letters": [{"content": letter} for letter in f"<think>{THOUGHT}</think>"],
    "between tags that are a delta each": [{"content": text} for text in ("<think>", *HALVES, "</think>")],
    "in parts of the content, as Mistral's": [{"content": [part("thinking", half)]} for half in HALVES],
    "in tags of Kimi K3's": [{"content": f"<|open|>think<|sep|>{THOUGHT}<|close|>think<|sep|>"}],
    "between tags, inside the reasoning itself": [{"reasoning_content": f"<think>{THOUGHT}</think>"}],
}


@pytest.mark.parametrize("deltas", ONCE.values(), ids=ONCE.keys())
async def test_a_thought_is_shown_once_and_kept_out_of_the_reply(deltas: list[dict[str, Any]], play: Play) -> None:
    book = await play(thinks(*deltas), backend="moonshot", model="kimi-k3")
    assert book.reasoning == THOUGHT
    assert book.reply == SAID
    assert_as_asked(book)
    assert book.kinds.index("reasoning_delta") < book.kinds.index("reply_delta") < book.kinds.index("prose_delta")
    [echo] = [message for message in book.sent(1) if message["role"] == "assistant"]
    assert (echo["reasoning_content"], echo["content"]) == (THOUGHT, SAID)


async def test_a_closing_tag_that_was_never_opened_ends_a_thought(play: Play) -> None:
    book = await play(thinks({"content": HALVES[0]}, {"content": HALVES[1] + "</th"}, {"content": "ink>"}))
    assert_as_asked(book)
    assert "think>" not in book.reply + book.reasoning
    [echo] = [message for message in book.sent(1) if message["role"] == "assistant"]
    assert (echo["reasoning_content"], echo["content"]) == (THOUGHT, SAID)


async def test_a_thought_that_is_no_text_is_passed_over(play: Play) -> None:
    book = await play(thinks({"reasoning": {"text": "x"}}, {"reasoning_content": ["x"]}, {"reasoning_details": "x"}))
    assert_as_asked(book)
    assert (book.reasoning, book.reply) == ("", SAID)


async def test_a_thought_between_two_words_is_no_part_of_them(play: Play) -> None:
    book = await play(thinks({"content": "I "}, {"reasoning_content": THOUGHT}, said="begin."))
    assert_as_asked(book)
    assert (book.reasoning, book.reply) == (THOUGHT, "I begin.")


# --- what goes back ---------------------------------------------------------------------------------------------------

FIELDS = ("reasoning_content", "reasoning", "reasoning_details")
ECHOES = {
    # (backend, model, the name it came under, the name it has to go back under)
    "Moonshot": ("moonshot", "kimi-k3", "reasoning_content", "reasoning_content"),
    "Ollama": ("ollama", "m", "reasoning", "reasoning"),
    "vLLM since January 2026": ("vllm", "m", "reasoning", "reasoning"),
    "llama.cpp": ("llamacpp", "m", "reasoning_content", "reasoning_content"),
    "OpenRouter without details": ("openrouter", "m", "reasoning", "reasoning"),
    "an endpoint that says reasoning_content": ("openai", "m", "reasoning_content", "reasoning_content"),
    "an endpoint that says reasoning": ("openai", "m", "reasoning", "reasoning"),
    "an older vLLM": ("vllm", "m", "reasoning_content", "reasoning_content"),
}


@pytest.mark.parametrize(("backend", "model", "came", "goes"), ECHOES.values(), ids=ECHOES.keys())
async def test_a_thought_goes_back_under_the_name_the_server_reads(
    backend: str, model: str, came: str, goes: str, play: Play
) -> None:
    book = await play(thinks(*({came: half} for half in HALVES)), backend=backend, model=model)
    assert_as_asked(book)
    [echo] = [message for message in book.sent(1) if message["role"] == "assistant"]
    assert {field: echo[field] for field in FIELDS if field in echo} == {goes: THOUGHT}


async def test_a_thought_stays_in_the_conversation_to_its_end(play: Play) -> None:
    book = await play(thinks({"reasoning_content": "One."}), writes(OTHER, TWO), backend="moonshot", model="kimi-k3")
    assert book.code == 0
    echoes = [message for message in book.sent(2) if message["role"] == "assistant"]
    assert [echo["reasoning_content"] for echo in echoes] == ["One.", " "]
    assert "content" not in echoes[1]  # Moonshot refuses a text that is empty
    assert book.sent(2)[: len(book.sent(1))] == book.sent(1)


DETAILS = {
    "in one piece": ([[text_detail(THOUGHT)]], [text_detail(THOUGHT)]),
    "in pieces": ([[text_detail(half)] for half in HALVES], [text_detail(THOUGHT)]),
    "with a signature that comes alone in a later chunk": (
        [[text_detail(THOUGHT)], [{"type": "reasoning.text", "index": 0, "signature": "c2ln"}]],
        [text_detail(THOUGHT, signature="c2ln")],
    ),
    "with a signature that comes alone beside an empty text": (
        [[text_detail(THOUGHT)], [text_detail("", signature="c2ln")]],
        [text_detail(THOUGHT, signature="c2ln")],
    ),
    "with the signature first null": (
        [[text_detail(half, signature=None)] for half in HALVES] + [[text_detail("", signature="c2ln")]],
        [text_detail(THOUGHT, signature="c2ln")],
    ),
    "encrypted": (
        [[{"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "index": 0}]],
        [{"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "index": 0}],
    ),
    "several, in their order": (
        [
            [text_detail(HALVES[0])],
            [{"type": "reasoning.encrypted", "data": "gAAA", "index": 1}],
            [text_detail(HALVES[1], index=2)],
        ],
        [
            text_detail(HALVES[0]),
            {"type": "reasoning.encrypted", "data": "gAAA", "index": 1},
            text_detail(HALVES[1], index=2),
        ],
    ),
    "with fields nobody knows": ([[text_detail(THOUGHT, novel={"a": [1]})]], [text_detail(THOUGHT, novel={"a": [1]})]),
}


@pytest.mark.parametrize(("came", "goes"), DETAILS.values(), ids=DETAILS.keys())
async def test_openrouter_s_details_are_sent_back_unmodified(came: Any, goes: Any, play: Play) -> None:
    book = await play(thinks(*({"reasoning_details": pieces} for pieces in came)), backend="openrouter", model="m")
    assert_as_asked(book)
    [echo] = [message for message in book.sent(1) if message["role"] == "assistant"]
    assert {field: echo[field] for field in FIELDS if field in echo} == {"reasoning_details": goes}
    assert [list(detail) for detail in echo["reasoning_details"]] == [list(detail) for detail in goes]


async def test_a_signature_survives_a_restart_of_the_studio(play: Play) -> None:
    signed = thinks(
        {"reasoning_details": [text_detail(THOUGHT)]}, {"reasoning_details": [text_detail("", signature="c2ln")]}
    )
    first = await play(signed, backend="openrouter", model="m", steps=1)
    assert first.code == 3
    book = await play(backend="openrouter", model="m")
    assert book.code == 0
    [echo] = [message for message in book.sent(0) if message["role"] == "assistant"]
    assert echo["reasoning_details"] == [text_detail(THOUGHT, signature="c2ln")]


async def test_another_server_gets_the_thought_in_its_own_terms_and_no_foreign_field(play: Play) -> None:
    signed = thinks({"reasoning": THOUGHT, "reasoning_details": [text_detail(THOUGHT, signature="c2ln")]})
    first = await play(signed, writes(OTHER, TWO), backend="openrouter", model="m", steps=2)
    assert first.code == 3
    book = await play(backend="moonshot", model="kimi-k3")
    assert book.code == 0
    echoes = [message for message in book.sent(0) if message["role"] == "assistant"]
    assert [echo["reasoning_content"] for echo in echoes] == [THOUGHT, " "]
    known = {"role", "content", "reasoning_content", "tool_calls"}
    assert [set(echo) - known for echo in echoes] == [set(), set()]


# --- a thought and nothing else ---------------------------------------------------------------------------------------


async def test_an_answer_that_was_put_into_the_thought_is_asked_for_again(play: Play) -> None:
    lost = Answer([Wire.delta(reasoning_content="Chapter one: the tide went out."), Wire.delta("stop"), Wire.DONE])
    book = await play(lost, writes())
    assert (book.code, len(book.requests)) == (0, 3)
    assert book.files == {ONE: CHAPTER.encode()}
    assert book.sent(1) == book.sent(0)  # once, as it was: nothing in it could be gone on from
    assert [event.retry_in is not None for event in book.faults] == [True]


async def test_a_thought_that_ate_the_reply_is_told_to_be_brief(play: Play) -> None:
    endless = Answer([Wire.delta(reasoning_content="Hm. " * 50), Wire.delta("length"), Wire.DONE])
    book = await play(endless, writes())
    assert (book.code, len(book.requests)) == (0, 3)
    assert "Think briefly" in book.told(1)
    assert [message["role"] for message in book.sent(1)] == ["system", "user", "user"]
    assert book.files == {ONE: CHAPTER.encode()}
    assert [event.finish_reason for event in book.of(ev.ReplyFinished)] == ["length", "tool_calls", "tool_calls"]

"""A window that is full: the conversation gives way to a summary and the book goes on, or the author is told why."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from loopback import Answer, Wire
from played_book import CHAPTER, ONE, OTHER, SUMMARY, TWO, Played, Stage, assert_echoed, calls, writes

from studio import events as ev

Play = Callable[..., Awaitable[Played]]
OUTLINE = "# Outline\n\n1. Ebb\n2. Flow\n"
LONG = CHAPTER + "\nThe tide went out again." * 100 + "\n"
BEGUN = [
    calls("create_project", "t", project_name="Tides"),
    writes(OUTLINE, "outline.md", id="o"),
    writes(LONG, id="w"),
]
NATIVE = {
    "error": {
        "code": 400,
        "message": "the request exceeds the available context size, try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 9000,
        "n_ctx": 8192,
    }
}

FULL: dict[str, tuple[Answer, int | None]] = {
    # (answer, the window in tokens that it names)
    "vLLM's": (
        Wire.error(400, "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens."),
        32768,
    ),
    "OpenAI's code": (Wire.json({"error": {"message": "no", "code": "context_length_exceeded"}}, 400), None),
    "Moonshot's": (
        Wire.error(400, "Your request exceeded model token limit : 262144", type="invalid_request_error"),
        None,  # more than a conversation may take anyway
    ),
    "Moonshot's other one": (Wire.error(400, "Input token length too long", type="invalid_request_error"), None),
    "Kimi Code's limit in bytes": (Wire.error(400, "total message size 3000000 exceeds limit 2097152"), None),
    "llama.cpp's": (Wire.json(NATIVE, 400), 8192),
    "llama.cpp's, with status 500": (Wire.json(NATIVE, 500), 8192),
    "Ollama's": (Wire.json({"error": {"message": "the input length exceeds the context length"}}, 400), None),
    "LM Studio's": (Wire.error(400, "Cannot truncate prompt with n_keep (9000) >= n_ctx (8192)"), 8192),
    "LM Studio's other one": (
        Wire.error(400, "Trying to keep the first 9000 tokens when context the overflows. The model has only 8192."),
        None,
    ),
    "MLX's": (Wire.error(400, "Context size has been exceeded."), None),
    "OpenRouter's": (
        Wire.error(400, "This endpoint's maximum context length is 131072 tokens. However, you requested 140000."),
        None,
    ),
    "a proxy's 413": (
        Answer([b"<title>413 Request Entity Too Large</title>"], 413, {"Content-Type": "text/html"}),
        None,
    ),
    "one of status 422": (Wire.error(422, "`inputs` tokens exceed: prompt is longer than the context length"), None),
    "one at status 200, before the first token": (
        Answer([Wire.data({"error": {"message": "Context size has been exceeded."}})]),
        None,
    ),
}


@pytest.mark.parametrize("answer", [answer for answer, _ in FULL.values()], ids=FULL.keys())
async def test_a_full_window_is_made_room_in_and_the_book_goes_on(answer: Answer, play: Play) -> None:
    book = await play(*BEGUN, answer, writes(OTHER, TWO, id="x"))
    assert (book.code, book.failure, len(book.requests)) == (0, "", 6)
    assert book.files == {"outline.md": OUTLINE.encode(), ONE: LONG.encode(), TWO: OTHER.encode()}
    [compressed] = book.of(ev.ContextCompressed)
    assert compressed.after < 0.9 * compressed.before
    refused, after = book.sent(3), book.sent(4)
    assert len(after) == 3 < len(refused)
    assert after[:2] == refused[:2]  # the system's words and the author's wish stay as they were
    assert OUTLINE.strip() in after[2]["content"] and ONE in after[2]["content"]
    assert_echoed(book.sent(5))
    assert {"reply_cut", "run_failed"}.isdisjoint(book.kinds)


@pytest.mark.parametrize(("answer", "window"), FULL.values(), ids=FULL.keys())
async def test_a_window_too_small_for_the_first_call_is_one_clear_sentence(
    answer: Answer, window: int | None, play: Play
) -> None:
    book = await play(*[answer] * 5)
    assert (book.code, len(book.requests), book.files) == (1, 1, {})
    assert "too long for m" in book.failure and "--context" in book.failure
    if window:
        assert str(window) in book.failure.replace(",", "")
    assert book.kinds[-2:] == ["backend_fault", "run_failed"]


async def test_a_window_the_server_named_is_kept_to_from_then_on(play: Play) -> None:
    said = Wire.error(400, "This model's maximum context length is 6000 tokens.")
    long = [writes("The tide went out again. " * 400, f"chapter_0{number}.md", id=f"w{number}") for number in (2, 3, 4)]
    book = await play(*BEGUN, said, *long, context=100_000, steps=20)
    assert (book.code, len(book.files)) == (0, 5)
    # The first one is the refusal's; without the figure in it nothing would be near 100,000 tokens.
    assert len(book.of(ev.ContextCompressed)) >= 2
    assert SUMMARY in book.of(ev.ContextCompressed)[-1].summary


async def test_a_window_that_runs_full_inside_a_reply_keeps_the_chapter_and_makes_room(play: Play) -> None:
    half = '{"filename": "chapter_02.md", "mode": "create", "content": "The tide came in. It ro'
    full = Wire.data({"error": {"message": "Context size has been exceeded."}})
    book = await play(
        writes("The tide went out again. " * 400, id="w"),
        calls("read_file", "r", filename=ONE),
        Answer([Wire.call(half, name="write_file", id="h"), full]),
        writes("It rose.\n", TWO, mode="append", id="x"),
    )
    assert book.code == 0
    assert [event.file for event in book.of(ev.PartialKept)] == [TWO]
    assert len(book.of(ev.ContextCompressed)) == 1
    assert book.files[TWO] == b"The tide came in. It rose.\n"


async def test_a_server_that_forgot_the_beginning_without_a_word_is_found_out(play: Play) -> None:
    usage = {"prompt_tokens": 4096, "completion_tokens": 50}
    answer = Answer([*writes().pieces[:-1], Wire.data({"choices": [], "usage": usage}), Wire.DONE])
    book = await play(answer, backend="ollama", wish="A book about the tide. " * 4000)
    assert (book.code, len(book.requests), book.files) == (1, 1, {})
    assert "read only 4,096 of about" in book.failure and "OLLAMA_CONTEXT_LENGTH" in book.failure
    assert [event.file for event in book.of(ev.PartialKept)] == [ONE]


WINDOWS: dict[str, tuple[str, dict[str, Any], int]] = {
    # (preset, what its other paths answer, the window it has)
    "llama.cpp's props": ("llamacpp", {"/props": {"default_generation_settings": {"n_ctx": 16384}}}, 16384),
    "Ollama's list of what runs": ("ollama", {"/api/ps": {"models": [{"name": "m", "context_length": 16384}]}}, 16384),
    "LM Studio's list": (
        "lmstudio",
        {"/api/v0/models": {"data": [{"id": "m", "loaded_context_length": 16384, "max_context_length": 131072}]}},
        16384,
    ),
    "vLLM's list": ("vllm", {"/v1/models": {"data": [{"id": "m", "max_model_len": 16384}]}}, 16384),
    "an aggregator's list": ("openrouter", {"/v1/models": {"data": [{"id": "m", "context_length": 16384}]}}, 16384),
    "nobody": ("llamacpp", {}, 32768),
}


@pytest.mark.parametrize(("backend", "routes", "window"), WINDOWS.values(), ids=WINDOWS.keys())
async def test_the_window_is_the_one_the_server_has(
    backend: str, routes: dict[str, Any], window: int, stage: Stage
) -> None:
    stage.routes.update({path: Wire.json(body) for path, body in routes.items()})
    book = await stage.play(writes(), backend=backend, context=None)
    assert book.code == 0
    announced = [event.context for event in book.events if isinstance(event, ev.RunStarted | ev.BackendSwitched)]
    assert announced[-1] == window


# --- what is asked for ------------------------------------------------------------------------------------------------

PLAIN = ["model", "messages", "tools", "stream", "stream_options"]
KEEP = {"thinking": {"type": "enabled", "keep": "all"}}
ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Moonshot's K3": ("moonshot", "kimi-k3", {"max_completion_tokens": 65536}),
    "Moonshot's K2.6": ("moonshot", "kimi-k2.6", {"max_completion_tokens": 32768, **KEEP}),
    "Moonshot's K2.7": ("moonshot", "kimi-k2.7-code", {"max_completion_tokens": 32768, **KEEP}),
    "a model nobody knows": ("moonshot", "kimi-k4", {"max_completion_tokens": 32768}),
    "OpenRouter's K2, whose hosts enforce a limit": (
        "openrouter",
        "moonshotai/kimi-k2-thinking",
        {"max_tokens": 98304},
    ),
}


@pytest.mark.parametrize(("backend", "model", "more"), ASKED.values(), ids=ASKED.keys())
async def test_a_request_holds_what_its_server_takes_and_nothing_it_refuses(
    backend: str, model: str, more: dict[str, Any], play: Play
) -> None:
    book = await play(writes(), backend=backend, model=model, context=None)
    assert book.code == 0
    for body in book.bodies:
        assert {field: value for field, value in body.items() if field not in PLAIN} == more
        assert list(body)[:5] == PLAIN
    assert book.bodies[1]["tools"] == book.bodies[0]["tools"]
    assert book.sent(1)[: len(book.sent(0))] == book.sent(0)
    assert all(message["content"].strip() for message in book.sent(1) if "content" in message)

"""What a server has made of the conversation is known again after a kill, and at another server of the same model."""

import pytest
from loopback import Answer, Request, Wire
from played_book import CHAPTER, FINISH, ONE, TWO, Stage, calls, writes

from studio import events as ev
from studio.agent import toolbox
from studio.agent.memory.summary import is_request
from studio.agent.open_book import OpenBook
from studio.backends.backend import BackendChoice
from studio.backends.catalog import open_backend
from studio.config import cache_folder


def reported(answer: Answer, prompt_tokens: int, completion_tokens: int = 100) -> Answer:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return Answer([*answer.pieces[:-1], Wire.data({"choices": [], "usage": usage}), Wire.DONE])


async def test_a_resumed_run_counts_as_the_server_did(stage: Stage) -> None:
    """A vocabulary that cuts half as fine again: a fresh count would let the window overflow."""
    book = await stage.play(
        reported(writes(CHAPTER * 30), 2_000),
        reported(writes(CHAPTER * 30, TWO, id="x"), 5_500),
        reported(calls("read_file", "r", filename=ONE), 8_500),
        context=32_000,
        steps=3,
    )
    assert book.code == 3
    opened = OpenBook.open(book.root)
    try:
        conversation = opened.conversation
        assert [usage.prompt_tokens for _, usage in conversation.reported] == [2_000, 8_500]
        assert conversation.reported_by == "m"
        messages = conversation.messages
        choice = BackendChoice(backend="openai", model="m", base_url="http://127.0.0.1:9/v1", context=32_000)
        fresh = open_backend(choice, key_of=lambda variable: "sk-x", cache=cache_folder())
        plain = fresh.count(messages, toolbox.SPECS)
    finally:
        await opened.close()
    sizes: list[int] = []

    def model(request: Request) -> Answer:
        sizes.append(len(request.body["messages"]))
        return Wire.reply("Two tides.") if is_request(request.body["messages"][-1]["content"]) else FINISH

    stage.model = model
    # Between the two counts: only one that remembers sees that there is no room.
    window = round(plain * 1.25)
    assert window * 0.9 > plain
    again = await stage.play(context=window, steps=20)
    assert again.code == 0
    assert len(again.of(ev.ContextCompressed)) == 1


@pytest.mark.parametrize("model", ["m", "another"])
async def test_a_report_of_another_model_is_none(model: str, stage: Stage) -> None:
    await stage.play(reported(writes(), 1_800), context=32_000, steps=1)
    book = await stage.play(reported(writes(id="y"), 1_900), context=32_000, model=model, steps=2)
    opened = OpenBook.open(book.root)
    try:
        said = [usage.prompt_tokens for _, usage in opened.conversation.reported]
    finally:
        await opened.close()
    assert said == ([1_800, 1_900] if model == "m" else [1_900])

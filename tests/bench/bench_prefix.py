"""How much of what a whole novel sends repeats the request before it, and what the novel costs with and without that.

`python tests/bench/bench_prefix.py [--chapters 30] [--window 200000] [--model kimi-k2-thinking]`. A scripted novelist
writes three hundred steps through the command line, between two servers that cache by prefix, while an author edits,
notes and kills (tests/support/whole_novel.py). The ancestor's way of sending: the same requests, and no cache that
hits.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from novel_prose import Novel
from novel_server import Seen
from studio_command import StudioCommand
from whole_novel import Plan, Written, write_novel

from studio import events as ev
from studio.backends.backend import Prices
from studio.backends.presets import presets

THOUGHT = 500  # words of reasoning before each act


def shares(requests: list[Seen]) -> tuple[float, float]:
    """(of the prompt tokens those that repeat the request before, those that the server asked had read before)."""
    prompt = sum(one.tokens for one in requests)
    return sum(one.repeated for one in requests) / prompt, sum(one.cached for one in requests) / prompt


def price(prices: Prices, requests: Iterable[Seen], *, cache: bool) -> float:
    """US dollars of these requests."""
    return sum(
        prices.cost(
            ev.Usage(
                prompt_tokens=one.tokens,
                completion_tokens=one.completion,
                cached_tokens=one.cached if cache else 0,
            )
        )
        for one in requests
    )


def show(written: Written, prices: Prices, model: str) -> None:
    requests = [one for one in written.record.seen if not one.refused]
    steps = [one for one in requests if one.kind == "step"]
    fresh_after_compression = sum(one.tokens - one.repeated for one in steps if one.opening)
    asides = sum(one.tokens - one.repeated for one in requests if one.kind != "step")
    prompt = sum(one.tokens for one in requests)
    grown = sum(one.tokens - one.repeated for one in steps if not one.opening)
    words = sum(words for name, words in _words(written).items() if name.startswith("chapter_"))
    print(
        f"{len(steps)} steps, {len(requests) - len(steps)} calls beside them, {words:,} words, "
        f"{len(written.of(ev.ContextCompressed))} compressions, {len(written.edits)} edits, "
        f"{len(written.notes)} notes, {len(written.of(ev.BackendSwitched))} switches, {written.kills} kills; "
        f"exit code {written.code}"
    )
    print(f"prompt tokens {prompt:,}, of replies {sum(one.completion for one in requests):,}")
    for what, some in (("of the conversation", steps), ("of all calls", requests)):
        repeated, cached = shares(some)
        print(
            f"{what:20} {repeated:6.2%} repeat the request before, {cached:6.2%} were in the cache of the server asked"
        )
    print(
        f"new tokens: {grown / prompt:.2%} grown by replies and results, {fresh_after_compression / prompt:.2%} after "
        f"compressions, {asides / prompt:.2%} reviews and what a summary asks"
    )
    ours, theirs = price(prices, requests, cache=True), price(prices, requests, cache=False)
    print(
        f"at the prices of {model}: ${ours:.2f}; everything sent anew ${theirs:.2f}, {theirs / ours:.1f} times as much"
    )


def _words(written: Written) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in written.events:
        if isinstance(event, ev.FileWritten | ev.AuthorEdited):
            found[event.file] = event.words
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chapters", type=int, default=30)
    parser.add_argument("--window", type=int, default=200_000)
    parser.add_argument("--model", default="kimi-k2-thinking")
    options = parser.parse_args()
    prices = presets()["moonshot"].prices_for(options.model)
    if prices is None:
        parser.error(f"no prices are known of {options.model}")
    with tempfile.TemporaryDirectory() as temp:
        began = time.monotonic()
        plan = Plan(Novel(chapters=options.chapters, thought=THOUGHT), options.window)
        written = write_novel(StudioCommand(Path(temp) / "home"), plan)
        print(f"a window of {options.window:,}, {time.monotonic() - began:.0f} s")
        show(written, prices, options.model)


if __name__ == "__main__":
    main()

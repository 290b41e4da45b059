"""CPU of streaming into the desk with a million tokens in its panes, against none: `python tests/bench/bench_panes.py`.

Prints seconds of CPU for the same stream in both cases and their ratio (to hold: at most 1.1), and the memory used.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from studio import events as ev
from studio.tui.app import StudioApp
from studio.tui.themes import load_themes

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "tui"))

WORDS = [f"word{number % 97} " for number in range(1000)]
STREAMED = 20_000  # tokens
RATE = 2_000  # tokens a second
HISTORY = 1_000_000  # tokens


def history(tokens: int) -> list[ev.Event]:
    """A book's record with so many tokens, half reasoning, half prose, in paragraphs of a hundred."""
    told: list[ev.Event] = [ev.RunStarted(book="b", backend="x", model="m", context=200_000)]
    paragraph = "".join(WORDS[:100]) + "\n\n"
    for number in range(tokens // 200):
        told += [
            ev.StepStarted(step=number + 1, limit=300),
            ev.ReasoningDelta(text=paragraph),
            ev.ProseDelta(file=f"chapter_{number % 30 + 1:02}.md", text=paragraph),
            ev.ReplyFinished(),
        ]
    return told


async def cpu_of_stream(before: list[ev.Event]) -> float:
    """Seconds of CPU that the stream takes on a desk that has `before` in its panes."""
    from conftest import PlayedSession, PlayedStudio

    with tempfile.TemporaryDirectory() as folder:
        session = PlayedSession(Path(folder), before)
        app = StudioApp(PlayedStudio(session), themes=load_themes([ROOT / "themes"]), book=Path(folder).name)
        async with app.run_test(size=(200, 50)) as pilot:
            while not session.working:
                await pilot.pause(0.01)
            await pilot.pause(0.5)
            session.tell(ev.StepStarted(step=1, limit=300))
            began = time.process_time()
            for start in range(0, STREAMED, RATE // 50):
                for number in range(start, start + RATE // 50):
                    word = WORDS[number % 1000] + ("\n\n" if number % 100 == 99 else "")
                    half = (
                        ev.ReasoningDelta(text=word) if number % 2 else ev.ProseDelta(file="chapter_31.md", text=word)
                    )
                    session.tell(half)
                await asyncio.sleep(1 / 50)
            spent = time.process_time() - began
            session.finish(0)
            await pilot.press("q")
    return spent


async def main() -> None:
    """Both, in one process, the empty one first."""
    empty = await cpu_of_stream([])
    full = await cpu_of_stream(history(HISTORY))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stream = f"{STREAMED:,} tokens at {RATE:,}/s"
    print(f"{stream}: {empty:.2f} s of CPU into empty panes, {full:.2f} s over {HISTORY:,} tokens")
    print(f"ratio {full / empty:.2f} (to hold: 1.1); peak memory {memory:.0f} MB")


if __name__ == "__main__":
    asyncio.run(main())

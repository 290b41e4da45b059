"""A book half written, for the board: thirty chapters planned, twelve there, eight of them read, a bible."""

from pathlib import Path

from studio import events as ev
from studio.agent.prompts import rubric
from studio.book.layout import SETTINGS

TITLES = (
    "The Harbour at Low Water", "Eleven Fathoms", "The Circus That Follows the Tide", "Forty Guy-Ropes", "A Whistle",
    "What the Gulls Knew", "Maren's Ledger", "The Strike", "Salt for the Horses", "A Letter Not Meant for Her",
    "Ebb", "The Man Who Sold Ropes", "Slack Water", "The Tent by Night", "Neap", "Quarrel on the Mole",
    "The Second Show", "Under Canvas", "The Price of a Lantern", "Nobody's Daughter", "Spring Tide",
    "The Wreck of the Aurora", "Elio Goes", "The Winter Quarters", "Flood", "A Funeral for an Elephant",
    "The Long Road Inland", "Brine", "The Last Performance", "High Water",
)  # fmt: skip

CAUSES = (
    "therefore she has to know who pitched the tent, and goes out on the wet sand before the tide turns",
    "but the ringmaster knows her mother's name, and so she can't leave that night",
    "because the ropes are forty-one and not forty, someone else has come across the bay",
    "therefore the strike leaders take the whistle for theirs",
)

CHARACTERS = """# The people

## Maren Voss
- **Want:** to find who taught her mother to walk the wire
- **Wound:** the night the bay took her father, and she counted to forty
- **Anchor object:** a tin whistle without a pea
- **Voice:** short sentences, numbers, never a simile
- Ties: Elio's rival, the ringmaster's debtor

## Elio
- **Want:** the sea, or whatever is furthest from rope
- **Wound:** sold by an uncle for a mule
- **Anchor object:** a rigging knife, borrowed
- **Voice:** promises everything twice

## The Ringmaster
- **Want:** one more season
- **Wound:** he has outlived every animal he named
- **Anchor object:** a ledger of deaths and debts
- **Voice:** courteous, old, in the plural

## Ada Lind
- **Want:** the strike won, and her name nowhere in it
- **Wound:** a brother who broke the last one
- **Anchor object:** a harbour-master's seal
- **Voice:** asks, never answers
"""

TIMELINE = """# Timeline

## 1911
- **12 March:** the bay runs dry for the first time; Maren counts forty guy-ropes.
- **13 March:** the strike is called at noon.

## 1912
- **2 January:** the Aurora goes down with the elephant on deck.
"""

THREADS = """# Threads

| Planted | What | Comes back |
|---------|------|------------|
| 1 | the whistle has no pea | 5, 30 |
| 3 | a forty-first rope | 12 |

- The gulls: gone in chapter 1, **back** in chapter 29.
"""


def outline(titles: tuple[str, ...] = TITLES) -> str:
    """Of so many chapters, in the form the agent is asked for."""
    parts = ["# The Salt Circus\n\nA circus follows the tide, and a girl counts its ropes.\n"]
    for number, title in enumerate(titles, 1):
        status = "finished" if number <= 3 else "planned"
        parts.append(
            f"### Chapter {number}: {title}\n"
            f"Target: {3_000 + 500 * (number % 3):,}-{3_500 + 500 * (number % 3):,} words\n"
            f"Status: {status}\n"
            f"Maren counts again; {title.lower()} is what she can't count. Elio is late, and the mole is under water.\n"
            "- She keeps the whistle in her left hand.\n"
            f"Leads to: {CAUSES[number % len(CAUSES)]}\n"
        )
    return "\n".join(parts)


def board_book(root: Path, titles: tuple[str, ...] = TITLES, *, written: int = 12) -> list[ev.Event]:
    """Put the book's files into a folder; returns what its record says of it."""
    at = 1_790_000_000.0
    (root / "bible").mkdir(parents=True, exist_ok=True)
    (root / SETTINGS).write_text("words_per_chapter: 3,000-4,000\n", encoding="utf-8")
    texts = {
        "outline.md": outline(titles),
        "bible/characters.md": CHARACTERS,
        "bible/timeline.md": TIMELINE,
        "bible/threads.md": THREADS,
    }
    told: list[ev.Event] = [
        ev.RunStarted(book=root.name, backend="moonshot", model="kimi-k3", context=200_000),
        ev.TitleGiven(title="The Salt Circus"),
    ]
    for number in range(1, written + 1):
        texts[f"chapter_{number:02}.md"] = f"# {titles[number - 1]}\n\nMaren counted the guy-ropes twice.\n"
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    for number in range(1, written + 1):
        file = f"chapter_{number:02}.md"
        words = (3_412, 2_180, 3_904, 3_650, 1_420)[number % 5]
        told += [
            ev.StepStarted(step=number, limit=300, at=at + 600 * number),
            ev.FileWritten(file=file, sha256=f"{number}", words=words, mode="create", at=at + 600 * number + 9),
            ev.StepFinished(
                step=number, usage=ev.Usage(prompt_tokens=30_000), context_tokens=40_000, cost=0.06,
                planned=len(titles), planned_words=3_500, at=at + 600 * number + 400,
            ),
        ]  # fmt: skip
        if number <= 8:
            for turn in range(1, 2 + number % 2):
                told.append(reviewed(number, turn))
    return [
        *told,
        ev.AuthorEdited(file="chapter_05.md", sha256="5a", words=3_420, diff=""),
        ev.AuthorEdited(file="chapter_11.md", sha256="11a", words=2_190, diff=""),
        ev.StepStarted(step=written + 1, limit=300, at=at + 9_000),
        ev.ToolArriving(index=0, name="write_file"),
        ev.ProseDelta(file=f"chapter_{written:02}.md", text="The road was wet.\n"),
    ]


def reviewed(number: int, turn: int) -> ev.ChapterReviewed:
    """A reading of a chapter."""
    scores = {name: float(min(10, 3 + (number * 7 + at * 5 + turn) % 8)) for at, name in enumerate(rubric())}
    return ev.ChapterReviewed(
        file=f"chapter_{number:02}.md",
        sha256=f"{number}",
        round=turn,
        scores=scores,
        report=f"notes/reviews/chapter_{number:02}-{turn}.md",
    )

"""A model that can't call tools, as a loopback server plays one: it answers what guided mode asks, in plain words.

It echoes what the assistant was made to have begun with, as llama.cpp's server does.
"""

import random
import re
from collections.abc import Callable

from loopback import Answer, Request, Wire

TITLE, HERO = "The Drowned Bell", "Mara Lund"
CHAPTERS = ("Low Tide", "A Rope of Hair", "Harbour")

_WORDS = re.findall(
    r"\w+",
    """
    anchor basket candle drawer engine feather garden hammer island jacket kettle ladder mirror needle orchard
    pillow quarry ribbon saddle tunnel umbrella velvet window yellow zealous bitter copper distant empty foggy
    gentle hollow iron jagged little mellow narrow oily patient quiet rusty silver tired upper wooden across
    beneath carried dropped entered followed gathered hurried joined knotted lifted mended noticed opened pushed
    rolled shouted turned walked
    """,
)


def sentence(seed: str) -> str:
    """Nine words that stand together nowhere else."""
    words = random.Random(seed).choices(_WORDS, k=9)
    return f"{words[0].capitalize()} {' '.join(words[1:])}."


def prose(seed: str, count: int = 24) -> str:
    """So many sentences, in paragraphs of six, of which each names the hero and has her speak."""
    parts = []
    for start in range(0, count, 6):
        told = [sentence(f"{seed}.{number}") for number in range(start, min(count, start + 6))]
        parts.append(
            f"{' '.join(told)} “{sentence(f'{seed}.{start}.said')}” said Mara at {random.Random(seed).choice(_WORDS)}."
        )
    return "\n\n".join(parts)


class Asked:
    """What a request asks for: title, outline, hero, chapter, retell or ending; with what is there of a chapter."""

    def __init__(self, request: Request) -> None:
        messages = request.body["messages"]
        last = messages[-1]
        self.begun = str(last["content"]) if last["role"] == "assistant" else ""
        users = [str(one["content"]) for one in messages if one["role"] == "user"]
        self.said = users[-1]
        if "in one sentence what happens" in self.said:
            self.what = "retell"
        elif "what the novel is about" in self.said:
            self.what = "ending"
        elif "chapter titles for" in self.said:
            self.what = "outline"
        elif self.said.rpartition("\n")[2].startswith("Title of"):
            self.what = "title"
        elif self.said.rpartition("\n")[2].startswith("Hero of"):
            self.what = "hero"
        else:
            self.what = "chapter"
        number = re.search(r"Write chapter (\d+)", self.said)
        self.chapter = int(number[1]) if number else 1


class SmallModel:
    """`write` answers for a chapter: (number, what it has so far) -> the words that come next."""

    def __init__(self, write: Callable[[int, str], str] | None = None) -> None:
        self.write = write or (lambda number, begun: " " + prose(f"chapter {number}, after {len(begun)}"))
        self.chapters = CHAPTERS
        self.asked: list[Asked] = []

    def of(self, what: str) -> list[Asked]:
        return [one for one in self.asked if one.what == what]

    def __call__(self, request: Request) -> Answer:
        asked = Asked(request)
        self.asked.append(asked)
        words = {
            "title": lambda: TITLE,
            "outline": lambda: "\n".join(f"{n}. {title}" for n, title in enumerate(self.chapters, 1)),
            "hero": lambda: f"{HERO}, she",
            "retell": lambda: " hauls a bell out of the sea",
            "ending": lambda: " who hears a bell.",
            "chapter": lambda: self.write(asked.chapter, asked.begun),
        }[asked.what]()
        return Wire.reply(asked.begun + words)

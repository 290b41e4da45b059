"""The novel that the scripted novelist has in its head: every act of writing it, and every sentence. Pure.

No two sentences are alike, so that one that is lost, doubled or displaced is seen.
"""

import random
from dataclasses import dataclass, field
from functools import cached_property

from studio.book.words import count_words

PEOPLE = ["Ana Ferreira", "Luis", "Tomé", "Old Brandão", "Inês", "the pilot Karel", "Dr Osei", "Mira", "Élodie", "Yun"]
PLACES = ["the salt pans", "Porto Velho", "the lamp house", "Rua das Flores", "the drowned mill", "Cape Sorrow"]
THINGS = ["brass key", "ledger", "blue coat", "letter", "compass", "bell", "photograph", "rope", "tide table"]
_TURNS = [
    "{a} counted {n} gulls over {p} and told {b} that the {t} had been there before any of them.",
    "At mark {n} of the rope {a} let go of the {t}, and {b} heard it strike the stones below {p}.",
    "“You owe me {n} days,” said {a}, and {b} laid the {t} on the table between them.",
    "It was the {n}th lamp since {p}, and {a} promised {b} that the {t} would be given back.",
    "{b} had never seen {p} so quiet — {n} steps of wet sand, a {t}, and {a} walking away.",
    "When {a} opened the {t} there were {n} names in it, all but one of them from {p}.",
    "Nobody in {p} believed {b} about the {t}; {a} did, and wrote the number {n} on the door.",
    "The {t} cost {n} reis that winter, which {a} paid while {b} looked out at {p}.",
]
SECOND_TIME = ", and it was not the first time."


@dataclass(frozen=True)
class Act:
    """One call of the novelist's."""

    name: str
    arguments: dict[str, str]
    chapter: int = 0
    scene: int = 0  # from 1, where the act writes one


@dataclass(frozen=True)
class Novel:
    """A novel of `chapters` chapters of four scenes; about ten acts a chapter."""

    chapters: int = 30
    scenes: int = 4
    sentences: int = 32  # of a scene: 2,700 words a chapter
    thought: int = 300  # words of reasoning before each act
    short: int = 5  # chapters that are searched through less: it makes 300 acts of 30 chapters
    _texts: dict[tuple[int, int], str] = field(default_factory=dict, compare=False, repr=False)

    def file(self, chapter: int) -> str:
        return f"chapter_{chapter:02}.md"

    def sentence(self, chapter: int, scene: int, number: int) -> str:
        """One sentence, told by its number alone from every other."""
        chance = random.Random(f"{chapter}.{scene}.{number}")
        a, b = chance.sample(PEOPLE, 2)
        text = chance.choice(_TURNS).format(
            a=a, b=b, p=chance.choice(PLACES), t=chance.choice(THINGS), n=(chapter * 10 + scene) * 100 + number
        )
        return text[0].upper() + text[1:]

    def scene_sentences(self, chapter: int, scene: int) -> list[str]:
        return [self.sentence(chapter, scene, number) for number in range(self.sentences)]

    def scene_text(self, chapter: int, scene: int) -> str:
        """What the call for this scene writes: the first with the chapter's heading, the others after a blank line."""
        if (chapter, scene) not in self._texts:
            all_ = self.scene_sentences(chapter, scene)
            body = "\n\n".join(" ".join(all_[at : at + 8]) for at in range(0, len(all_), 8)) + "\n"
            self._texts[chapter, scene] = f"# Chapter {chapter}\n\n{body}" if scene == 1 else f"\n{body}"
        return self._texts[chapter, scene]

    def chapter_text(self, chapter: int) -> str:
        """The chapter before any edit."""
        return "".join(self.scene_text(chapter, scene) for scene in range(1, self.scenes + 1))

    def edits(self, chapter: int) -> list[tuple[str, str]]:
        """The two sentences that the novelist mends, each as (before, after)."""
        found = [self.sentence(chapter, 2, 9), self.sentence(chapter, 3, 16)]
        return [(text, text.rstrip(".") + SECOND_TIME) for text in found]

    def outline(self) -> str:
        lines = (
            f"{number}. Chapter {number}: {PEOPLE[number % len(PEOPLE)]} at {PLACES[number % len(PLACES)]}, and the "
            f"{THINGS[number % len(THINGS)]}; therefore chapter {number + 1}."
            for number in range(1, self.chapters + 1)
        )
        return "# Outline\n\nSalt remembers. Third person, past tense.\n\n" + "\n".join(lines) + "\n"

    @cached_property
    def acts(self) -> list[Act]:
        """Everything it does, in order."""
        people = "# Characters\n\n" + "".join(
            f"- {name}: {30 + at} years old, wants the {THINGS[at % len(THINGS)]}.\n" for at, name in enumerate(PEOPLE)
        )
        acts = [
            Act("create_project", {"project_name": "The Salt Ledger"}),
            _write("outline.md", self.outline()),
            _write("bible/characters.md", people),
            _write("bible/timeline.md", "# Timeline\n\n- Day 1: the ledger is found.\n"),
        ]
        for chapter in range(1, self.chapters + 1):
            acts += self._chapter(chapter)
        return [*acts, Act("finish", {"summary": "Thirty chapters of salt. Look at the last one again."})]

    def _chapter(self, chapter: int) -> list[Act]:
        file, (first, second) = self.file(chapter), self.edits(chapter)
        day = f"- Day {chapter * 12}: {PEOPLE[chapter % len(PEOPLE)]} leaves {PLACES[chapter % len(PLACES)]}.\n"
        acts = [Act("read_file", {"filename": self.file(chapter - 1) if chapter > 1 else "outline.md"}, chapter)]
        acts += [
            _write(file, self.scene_text(chapter, scene), "append" if scene > 1 else "create", chapter, scene)
            for scene in range(1, self.scenes + 1)
        ]
        acts += [Act("read_file", {"filename": file}, chapter), _edit(file, first, chapter)]
        if chapter > self.short:
            acts.append(Act("search_files", {"query": PEOPLE[chapter % len(PEOPLE)]}, chapter))
        is_read = chapter % 5 == 0 or chapter == 2
        acts.append(
            Act("review_chapter", {"filename": file}, chapter)
            if is_read
            else _write("bible/timeline.md", day, "append", chapter)
        )
        # Far back, and again: a long novel is checked against itself.
        acts.append(
            Act("read_file", {"filename": self.file(chapter // 2)}, chapter)
            if chapter % 3 == 0
            else _edit(file, second, chapter)
        )
        return acts

    @cached_property
    def places(self) -> dict[tuple[int, int], int]:
        """(chapter, scene) -> which act writes it."""
        return {(act.chapter, act.scene): at for at, act in enumerate(self.acts) if act.scene}

    def after_words(self, chapter: int, words: int) -> int:
        """The act to go on with when the last chapter on disk has so many words, an author's few among them."""
        written = [count_words(self.scene_text(chapter, scene)) for scene in range(1, self.scenes + 1)]
        whole = min(range(self.scenes + 1), key=lambda scene: abs(sum(written[:scene]) - words))
        return self.places[chapter, whole] + 1 if whole else self.places[chapter, 1]

    def chapter_line(self, chapter: int) -> str:
        """What a summary says of it."""
        return f"Chapter {chapter}: {self.sentence(chapter, 1, 3)} {self.sentence(chapter, 4, 5)}"


def _write(file: str, content: str, mode: str = "create", chapter: int = 0, scene: int = 0) -> Act:
    return Act("write_file", {"filename": file, "content": content, "mode": mode}, chapter, scene)


def _edit(file: str, change: tuple[str, str], chapter: int) -> Act:
    return Act("edit_file", {"filename": file, "old_text": change[0], "new_text": change[1]}, chapter)


def thought(number: int, words: int) -> str:
    """Reasoning before an act: as wordy as these models are, and never twice the same."""
    chance = random.Random(number)
    text = [f"Act {number}."]
    while count_words(" ".join(text)) < words:
        text.append(
            f"{chance.choice(PEOPLE)} may still want the {chance.choice(THINGS)} at {chance.choice(PLACES)}, "
            f"{chance.randrange(10**6)} times over; so think again."
        )
    return " ".join(text)

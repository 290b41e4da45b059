"""A novel of thirty chapters with fifty facts planted in it, among figures and names that nobody will ask for."""

import random
import re
from dataclasses import dataclass

CHAPTERS = 30


def _split(words: str, between: str | None = None) -> list[str]:
    return words.split(between)


_FIRST = _split("Anselm Berit Corvin Dagny Edda Falk Greta Hollis Imre Jorun Kasimir Liv Magnus Nele Osric")
_LAST = _split("Aldane Brack Cresswell Dunmore Eskdale Farrow Grimsby Harrow Inchcape Jessup")
_PLACES = _split(
    "Tarn Wick,Crow Ferry,Ashen Quay,Long Strand,Gull Reach,Mill Sound,Otter Bank,Pale Harbour,Reed Isle", ","
)
_WORDS = {19: "nineteen", 23: "twenty-three", 38: "thirty-eight", 44: "forty-four", 61: "sixty-one", 72: "seventy-two"}
_AGES = ["{} is {} now.", "{}, {}, had never left the coast.", "{} turned {} that spring.", "{} was {} years old."]
_OATHS = [
    ("{} promised to bring the brass lantern back to the chandler.", "lantern chandler"),
    ("{} swore that the green boat would never be sold.", "green boat sold"),
    ("“I will burn the ledger before the frost comes,” said {}.", "ledger frost"),
    ("{} vowed to find the drowned bell under the pier.", "bell pier"),
    ("{} gave his word that the orphan would inherit the saltworks.", "orphan saltworks"),
]

_CAST = _split("Mara Luis Tobias")
_NOISE = [
    "The wind went round to the north and {who} shut the door.",
    "“You can't mean it,” said {who}, and nobody laughed.",
    "There was a smell of tar and wet wool in the {thing}.",
    "All that afternoon the {thing} lay grey and still, and {who} thought of nothing.",
    "It was {who} who spoke first, as it was always {who}.",
    "The {thing} had been painted twice, badly, by the same hand.",
    "Rain came, and {who} went on mending the {thing} as if it had not.",
]
# As often as in novels of that length: counted in two, a figure in 600 words, a name in 400, a promise in 3,000.
_RARE = {
    150: "{who} counted {count} {thing}s that day and forgot them.",
    200: "Somebody said that {other} had been seen again, and nobody asked {other} anything.",
    30: "“I will look at the {thing} before {other} does,” said {who}, and {other} went out.",
}
_THINGS = _split("roof wall stair lamp net hull kitchen window gate table barrel oar sail candle kettle ladder")
_SYLLABLES = _split("bar den fol gar hes kin lor mun ned pol ras sul tam ver wil")


@dataclass(frozen=True)
class Planted:
    """A fact, and what a line has to hold for it to be said there."""

    chapter: int
    kind: str  # age | name | place | promise
    sentence: str
    signs: tuple[str, ...]  # patterns, all within one line

    def is_in(self, text: str) -> bool:
        return any(all(re.search(sign, line, re.I) for sign in self.signs) for line in text.splitlines())


def planted_facts() -> list[Planted]:
    """Fifty: fifteen ages, ten people, ten places, fifteen promises, over all the chapters."""
    facts: list[Planted] = []

    def plant(kind: str, sentence: str, *signs: str) -> None:
        facts.append(Planted(len(facts) * 7 % CHAPTERS + 1, kind, sentence, signs))

    for number, name in enumerate(_FIRST):
        age = 17 + 3 * number
        said = _WORDS.get(age, str(age))
        plant("age", _AGES[number % len(_AGES)].format(name, said), name, rf"\b(?:{age}|{said})\b")
    for name in _LAST:
        plant("name", f"They asked for old {name}, and it was {name} who kept the keys.", name)
    for number in range(10):
        name = _PLACES[number] if number < len(_PLACES) else "Sable Point"
        plant("place", f"They went to {name} that year. Nobody who saw {name} came back the same.", name)
    for number in range(15):
        name = f"{_FIRST[number]}"
        form, signs = _OATHS[number % len(_OATHS)]
        plant("promise", form.format(name), name, *signs.split())
    assert len(facts) == 50
    return facts


def chapter(number: int, facts: list[Planted], words: int = 3_000) -> str:
    """The chapter's text: about so many words, the facts somewhere within."""
    chance = random.Random(number)
    prose = [_sentence(chance, chance.choice(_NOISE)) for _ in range(words // 11)]
    for often, form in _RARE.items():
        for _ in range(often // CHAPTERS):
            prose.insert(chance.randrange(len(prose)), _sentence(chance, form))
    for fact in facts:
        if fact.chapter == number:
            prose.insert(chance.randrange(len(prose)), fact.sentence)
    paragraphs = [" ".join(prose[at : at + 6]) for at in range(0, len(prose), 6)]
    return f"# Chapter {number}\n\n" + "\n\n".join(paragraphs) + "\n"


def _sentence(chance: random.Random, form: str) -> str:
    return form.format(
        who=chance.choice(_CAST),
        other="".join(chance.choices(_SYLLABLES, k=3)).title(),
        thing=chance.choice(_THINGS),
        count=chance.randint(13, 900),
    )

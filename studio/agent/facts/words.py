"""The vocabulary by which a text's names, figures and promises are known: a YAML file, read once."""

from functools import cache
from importlib.resources import files

import msgspec

from studio.settings_file import parse_mapping


class FactWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words parted by blanks in the file; of the Chinese entries that are not, single characters."""

    empty: frozenset[str]
    titles: frozenset[str]
    places: frozenset[str]
    particles: frozenset[str]
    fleeting: frozenset[str]
    months: tuple[str, ...]
    ordinals: tuple[str, ...]
    plan_units: frozenset[str]
    common_units: frozenset[str]
    age_before: frozenset[str]
    age_after: frozenset[str]
    had_age: frozenset[str]
    promise: tuple[str, ...]
    chinese_digits: str
    surnames: str
    nicknames: str
    transliterating: str
    chinese_places: str
    before_chinese_name: str
    after_chinese_name: str
    ordinary_chinese: frozenset[str]


@cache
def fact_words() -> FactWords:
    """The vocabulary, validated."""
    body = files("studio.agent.facts").joinpath("words.yaml").read_bytes()
    found, _ = parse_mapping(body, "facts/words.yaml")
    texts = msgspec.convert(found, dict[str, str])
    kinds = {field.name: field.type for field in msgspec.structs.fields(FactWords)}
    values = {
        name: text.replace(" ", "").replace("\\n", "\n") if kinds[name] is str else text.split()
        for name, text in texts.items()
    }
    return msgspec.convert(values, FactWords)

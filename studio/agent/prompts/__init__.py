"""The words sent to a model: Markdown files beside this module, filled in by name."""

from functools import cache
from importlib.resources import files
from string import Template

import msgspec

from studio.settings_file import parse_mapping


@cache
def _template(name: str) -> Template:
    return Template(files("studio.agent.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8"))


def prompt(name: str, **values: object) -> str:
    """The prompt `name` with every `$key` replaced by its value, without the file's last newline.

    Raises:
        KeyError: a value is missing.
    """
    return _template(name).substitute({key: str(value) for key, value in values.items()}).rstrip("\n")


class GuidedExamples(msgspec.Struct, frozen=True):
    """What guided mode shows a small model before it asks."""

    titles: list[tuple[str, str]]  # (what the book is about, its title)
    premises: list[tuple[str, str]]  # (what the book is about, its premise)
    outlines: dict[str, list[str]]  # title -> chapter titles
    spare: list[str]  # chapter titles, where the model has brought too few
    heroes: list[tuple[str, str, str]]  # (title, what the book is about, whom, with the pronoun)
    spare_heroes: list[str]
    small: frozenset[str]  # words of a title that don't tell it from another
    no_names: frozenset[str]  # words with a capital that are nobody's name
    first_openings: list[str]  # the first words of the book, with $name for the hero's and $she for the pronoun
    openings: list[str]  # of a later chapter
    goings_on: list[str]  # of a paragraph within a chapter


@cache
def guided_examples() -> GuidedExamples:
    """The examples, validated once."""
    body = files("studio.agent.prompts").joinpath("guided_examples.yaml").read_bytes()
    found, _ = parse_mapping(body, "guided_examples.yaml")
    return msgspec.convert(found, GuidedExamples)


@cache
def rubric() -> dict[str, str]:
    """What a chapter is read by: criterion -> the question it asks, in order."""
    body = files("studio.agent.prompts").joinpath("rubric.yaml").read_bytes()
    found, _ = parse_mapping(body, "rubric.yaml")
    return msgspec.convert(found["criteria"], dict[str, str])

"""The words sent to a model: Markdown files beside this module, filled in by name."""

from functools import cache
from importlib.resources import files
from string import Template


@cache
def _template(name: str) -> Template:
    return Template(files("studio.agent.prompts").joinpath(f"{name}.md").read_text(encoding="utf-8"))


def prompt(name: str, **values: object) -> str:
    """The prompt `name` with every `$key` replaced by its value, without the file's last newline.

    Raises:
        KeyError: a value is missing.
    """
    return _template(name).substitute({key: str(value) for key, value in values.items()}).rstrip("\n")

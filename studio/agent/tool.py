"""What a tool is: a name, arguments as a struct, and a coroutine that answers with short facts or raises."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from studio.agent.reviews.chapters import Chapters
from studio.backends.backend import Message, ToolSpec
from studio.book.files import Folder
from studio.book.layout import BookSettings
from studio.book.ledger import Ledger
from studio.book.manuscript import Manuscript
from studio.errors import StudioError
from studio.events import Record

A = TypeVar("A", bound=msgspec.Struct)


class ToolRefused(StudioError):
    """The tool did not do it; the message tells the model what to do instead."""


class ToolContext(msgspec.Struct, kw_only=True):
    """What a tool may touch."""

    folder: Folder
    manuscript: Manuscript
    ledger: Ledger
    settings: BookSettings
    record: Record
    finish_refused: bool = False  # `finish` was called and told what is missing
    write_id: str  # the id a write of this call is journaled under
    ask: Callable[[str], str]  # put a question to the author; answers what the agent is told
    consult: Callable[[str, list[Message]], Awaitable[str]]  # (purpose, messages): one model call, apart from the run
    fits: Callable[[list[Message]], bool]  # whether such a call leaves room in the window for its answer
    # (file, text): a review by code, for a model that can't judge
    reader: Callable[[str, str], Awaitable[str]] | None = None
    chapters: Chapters
    text_of: Callable[[str], str]  # a version by its SHA-256; raises `BookError`
    authors: Callable[[str, str], Sequence[str]] = lambda file, text: ()  # the author's sentences in a file's text
    bound: Callable[[str], str] = str  # a text as far as the window holds it; what is left out is said in it


class Tool(Generic[A]):
    """One tool. `carry_out` gets validated arguments; a `StudioError` it raises is the model's answer."""

    def __init__(
        self, name: str, description: str, arguments: type[A], carry_out: Callable[[ToolContext, A], Awaitable[str]]
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.carry_out = carry_out
        self.spec = ToolSpec(name=name, description=description, parameters=_schema(arguments))

    async def __call__(self, context: ToolContext, raw: dict[str, Any]) -> str:
        """Validate `raw` and carry the call out.

        Raises:
            ToolRefused: the arguments don't fit the schema.
            StudioError: the tool could not do it.
        """
        try:
            arguments = msgspec.convert(raw, self.arguments, strict=False)
        except msgspec.ValidationError as error:
            wanted = ", ".join(self.spec.parameters["properties"])
            sent = ", ".join(raw) or "nothing"
            raise ToolRefused(
                f"{self.name} takes {wanted or 'no arguments'}; you sent {sent}. {error}. "
                "Call it again with these arguments."
            ) from error
        return await self.carry_out(context, arguments)


def _schema(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    """The struct as the plain JSON schema that model servers understand: no references, no titles."""
    _, components = msgspec.json.schema_components([arguments], ref_template="{name}")
    schema: dict[str, Any] = components[arguments.__name__]
    return {
        "type": "object",
        "properties": {name: _property(value) for name, value in schema["properties"].items()},
        "required": list(schema.get("required", [])),
    }


def _property(value: dict[str, Any]) -> dict[str, Any]:
    if "enum" in value:
        value = {"type": "string", **value, "enum": [mode for mode in _MODES if mode in value["enum"]]}
    return {key: item for key, item in value.items() if key not in ("default", "title")}


# msgspec sorts enumerations; a model reads the usual one first.
_MODES = ("create", "append", "overwrite")


class NoArguments(msgspec.Struct, frozen=True):
    """A tool that takes none."""

"""Settings written by hand in YAML: read strictly, with errors that name the file, the line and the key."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec
import yaml
from msgspec.structs import fields

from studio.errors import UsageError

T = TypeVar("T", bound=msgspec.Struct)

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16  # lists and mappings within each other


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML without what settings never need, and what turns a page into gigabytes or into something else.

    Aliases, tags, keys that are no plain text or stand twice, and more than `MAX_DEPTH` levels are refused.
    """

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.events.AliasEvent):
            raise _refused("aliases (*name) are not taken", event)
        if getattr(event, "tag", None) is not None:
            raise _refused("tags (!name) are not taken", event)
        if self._depth >= MAX_DEPTH:
            raise _refused(f"lists within lists go no deeper than {MAX_DEPTH} levels", event)
        self._depth += 1
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
        return node


def _refused(problem: str, place: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, place.start_mark)


def _check_keys(node: yaml.MappingNode) -> None:
    """Every key is the text that stands there: `on`, `1` and `.nan` too."""
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            raise _refused("a key must be a plain word", key)
        if key.value in seen:
            raise _refused(f"`{_short(key.value)}` stands there twice", key)
        seen.add(key.value)
        key.tag = "tag:yaml.org,2002:str"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"


def load_settings_file(path: Path, kind: type[T]) -> T:
    """The settings in `path` as a struct of `kind`; all defaults when there is no such file.

    Raises:
        UsageError: unreadable, not YAML, an unknown key, a value of the wrong type; names the line.
    """
    body = read_settings_file(path)
    return kind() if body is None else parse_settings(body, str(path), kind)


def read_settings_file(path: Path) -> bytes | None:
    """The bytes of a settings file, one more than `MAX_BYTES` at most; None when there is none.

    Raises:
        UsageError: it can't be read, or is no plain file: a pipe would keep us waiting for ever.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} can't be read ({reason}); mend its permissions or remove it.") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UsageError(f"{path} is no plain file; put the settings into one, or remove it.")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read ({error.strerror}); mend its permissions or remove it.") from error
    finally:
        os.close(handle)


def parse_settings(body: bytes, name: str, kind: type[T]) -> T:
    """As `load_settings_file`, for a file's bytes; `name` is what errors call the file."""
    value, lines = parse_mapping(body, name)
    known = {field.encode_name for field in fields(kind)}
    for key in value:
        if key not in known:
            raise UsageError(
                f"{name}, line {lines[key][0] + 1}: `{_short(key)}` is no setting; "
                f"the settings are {', '.join(sorted(known))}."
            )
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        key = text.rpartition("$.")[2].split("[")[0].strip("`").split(".")[0] if "$." in text else ""
        reason = text.partition(" - at")[0]
        if not key:
            raise UsageError(f"{name}: {reason[:1].lower()}{reason[1:]}; add it.") from error
        where = f", line {lines[key][0] + 1}" if key in lines else ""
        if choices := next((_choices(field.type) for field in fields(kind) if field.encode_name == key), ()):
            reason = f"it is one of {', '.join(choices)}"
        raise UsageError(f"{name}{where}: `{key}` can't be this ({reason}).") from error


def _choices(kind: Any) -> tuple[str, ...]:
    """The words that a setting of this type can be; none when it is another kind of type."""
    if get_origin(kind) is Literal:
        return tuple(map(str, get_args(kind)))
    return next(filter(None, map(_choices, get_args(kind))), ())


def parse_mapping(body: bytes, name: str) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    """(what a YAML file of `key: value` says, from which line to which each key goes, from 0, the last one excluded).

    Raises:
        UsageError: it is too large, no UTF-8, not YAML, or YAML of a kind that settings never need; names the line.
    """
    if len(body) > MAX_BYTES:
        raise UsageError(f"{name} is larger than {MAX_BYTES // 1024} KiB; settings files are small. Make it shorter.")
    try:
        loader = _StrictLoader(body.decode("utf-8-sig"))
        root = loader.get_single_node()
        value = loader.construct_document(root) if root is not None else None
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text; save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it can't be parsed"
        raise UsageError(f"{name}{where}: this is not YAML ({problem}); mend that line or remove it.") from error
    except (ValueError, LookupError, ArithmeticError) as error:  # as PyYAML does for the 99th of a month, or `0b_`
        raise UsageError(f"{name} holds a number or a date that is none; put it between quotes.") from error
    if value is None:
        return {}, {}
    if not isinstance(value, dict) or not isinstance(root, yaml.MappingNode):
        raise UsageError(f"{name}, line 1: the file must be lines of `key: value`.")
    if wrong := next(filter(None, map(_wrong_with, _leaves(value))), ""):
        raise UsageError(f"{name} holds {wrong}.")
    lines = {
        key.value: (key.start_mark.line, given.end_mark.line + (given.end_mark.column > 0)) for key, given in root.value
    }
    return value, lines


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _wrong_with(leaf: Any) -> str:
    """What can be written in YAML and nowhere else, or ""."""
    if isinstance(leaf, str) and not leaf.isascii() and any("\ud800" <= letter <= "\udfff" for letter in leaf):
        return "half a character (\\ud800 to \\udfff); write it in full"
    if isinstance(leaf, int) and leaf.bit_length() > 63:
        return "a number that is too large; write a smaller one"
    return ""

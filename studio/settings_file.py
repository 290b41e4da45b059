"""Settings written by hand in YAML: read strictly, with errors that name the file, the line and the key."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from studio.errors import UsageError

T = TypeVar("T", bound=msgspec.Struct)

MAX_BYTES = 256 * 1024


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML without aliases: a page of them can unfold to gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not taken", event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def load_settings_file(path: Path, kind: type[T]) -> T:
    """The settings in `path` as a struct of `kind`; all defaults when there is no such file.

    Raises:
        UsageError: unreadable, not YAML, an unknown key, a value of the wrong type; names the line.
    """
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return kind()
    except OSError as error:
        raise UsageError(f"{path} can't be read ({error.strerror}); mend its permissions or remove it.") from error
    return parse_settings(body, str(path), kind)


def parse_settings(body: bytes, name: str, kind: type[T]) -> T:
    """As `load_settings_file`, for a file's bytes; `name` is what errors call the file."""
    if len(body) > MAX_BYTES:
        raise UsageError(f"{name} is larger than {MAX_BYTES // 1024} KiB; settings files are small. Make it shorter.")
    try:
        loader = _StrictLoader(body.decode("utf-8"))
        root = loader.get_single_node()
        value = loader.construct_document(root) if root is not None else {}
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text; save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "it can't be parsed"
        raise UsageError(f"{name}{where}: this is not YAML ({problem}); mend that line or remove it.") from error
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise UsageError(f"{name}, line 1: the file must be lines of `key: value`.")
    lines = {str(key.value): key.start_mark.line + 1 for key, _ in getattr(root, "value", [])}
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    for key in value:
        if str(key) not in known:
            raise UsageError(
                f"{name}, line {lines.get(str(key), 1)}: `{key}` is no setting; "
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
        where = f", line {lines[key]}" if key in lines else ""
        raise UsageError(f"{name}{where}: `{key}` can't be this ({reason}).") from error

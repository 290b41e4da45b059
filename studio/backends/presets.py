"""What is known of each kind of server and its models, read once from presets.yaml."""

from collections.abc import Callable, Mapping
from functools import cache as once
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import msgspec

from studio.backends.backend import Prices
from studio.backends.dialects import Dialect
from studio.settings_file import parse_mapping

FREE = Prices(input=0, cached=0, output=0)


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of a preset."""

    id: str
    context: int  # tokens
    prices: Prices | None = None
    dialect: dict[str, Any] = {}  # fields of the preset's dialect that are otherwise for this model


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model can be, and how it is spoken to."""

    summary: str
    name: str = ""
    base_url: str = ""
    hosts: dict[str, dict[str, Any]] = {}  # hosts (with their port, if need be) of this kind -> what is otherwise there
    key_variable: str = ""
    key_optional: bool = False
    key_hint: str = ""  # when the key is refused
    unreachable_hint: str = ""  # when nothing answers
    needs_base_url: bool = False
    local: bool = False  # its calls cost nothing
    fallback_context: int = 200_000  # tokens, when neither the author nor the server says
    window_path: str = ""  # where, beside /v1, the server tells the window it has allocated
    dialect: Dialect = Dialect()
    models: list[Model] = []

    def missing_key(self, key_of: Callable[[str], str | None]) -> str:
        """The variable that must hold a key and does not, or ""."""
        if not self.key_variable or self.key_optional or (key_of(self.key_variable) or "").strip():
            return ""
        return self.key_variable

    def model(self, id_: str) -> Model | None:
        """What is known of a model."""
        return next((model for model in self.models if model.id == id_), None)

    def dialect_for(self, model: str) -> Dialect:
        """The dialect with what this one model wants besides."""
        known = self.model(model)
        return changed(self.dialect, known.dialect) if known else self.dialect

    def prices_for(self, model: str) -> Prices | None:
        """None: unknown."""
        known = self.model(model)
        return FREE if self.local else known.prices if known else None


def changed(dialect: Dialect, fields: Mapping[str, Any]) -> Dialect:
    """The dialect with these fields otherwise. Raises `msgspec.ValidationError` for what is none."""
    return msgspec.convert({**msgspec.to_builtins(dialect), **fields}, Dialect)


@once
def presets() -> Mapping[str, Preset]:
    """Every preset by its name, in the order of the file."""
    body = files("studio.backends").joinpath("presets.yaml").read_bytes()
    found, _ = parse_mapping(body, "presets.yaml")
    return {name: msgspec.convert({"name": name, **value}, Preset) for name, value in found.items()}


def preset_for(preset: Preset, base_url: str) -> Preset:
    """A preset as this address wants it: any endpoint may be of a kind that is known by its host, or its port."""
    parts = urlsplit(base_url)
    host, netloc = parts.hostname or "", parts.netloc
    for kind in (preset, *presets().values()):
        for known, fields in kind.hosts.items():
            if known in (host, netloc) or host.endswith("." + known):
                return msgspec.structs.replace(
                    preset,
                    dialect=changed(kind.dialect, fields),
                    models=preset.models or kind.models,
                    window_path=preset.window_path or kind.window_path,
                    fallback_context=min(preset.fallback_context, kind.fallback_context),
                    local=preset.local or kind.local,
                )
    return preset

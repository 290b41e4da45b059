"""The presets, and the one place that makes a backend out of a choice."""

from collections.abc import Callable, Mapping
from functools import cache as once
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import yaml

from studio.backends.backend import Backend, BackendChoice, Prices
from studio.backends.dialects import Dialect
from studio.errors import UsageError

LARGEST_CONTEXT = 200_000  # tokens a conversation may take, whatever the window
DEFAULT_CONTEXT = 128_000  # of an endpoint that says nothing of its window


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of a preset."""

    id: str
    context: int  # tokens
    prices: Prices | None = None


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model can be, and how it is spoken to."""

    summary: str
    name: str = ""
    base_url: str = ""
    key_variable: str = ""
    key_optional: bool = False
    needs_base_url: bool = False
    local: bool = False  # its calls cost nothing
    context: int | None = None  # tokens, when neither the model nor the author says
    dialect: Dialect = Dialect()
    models: list[Model] = []

    def missing_key(self, key_of: Callable[[str], str | None]) -> str:
        """The variable that must hold a key and does not, or ""."""
        if not self.key_variable or self.key_optional or key_of(self.key_variable):
            return ""
        return self.key_variable


@once
def presets() -> Mapping[str, Preset]:
    """Every preset by its name, in the order of the file."""
    text = files("studio.backends").joinpath("presets.yaml").read_text(encoding="utf-8")
    return {name: msgspec.convert({"name": name, **value}, Preset) for name, value in yaml.safe_load(text).items()}


def open_backend(choice: BackendChoice, *, key_of: Callable[[str], str | None], cache: Path) -> Backend:
    """Make the backend; nothing is fetched or reached before its `prepare`.

    Args:
        key_of: the value of a key by its variable's name, or None.
        cache: folder for weights and vocabularies.

    Raises:
        UsageError: unknown preset, no key, no or a bad base URL.
    """
    preset = presets().get(choice.backend)
    if preset is None:
        raise UsageError(f"There is no backend “{choice.backend}”; there are {', '.join(presets())}.")
    if preset.name == "embedded":
        from studio.backends.embedded import EmbeddedBackend

        return EmbeddedBackend(model=choice.model, context=choice.context, cache=cache)
    base_url = choice.base_url or preset.base_url
    if not base_url:
        raise UsageError(f"The backend {preset.name} needs --base-url, e.g. --base-url http://127.0.0.1:8080/v1.")
    _check_url(base_url)
    key = _key(preset, base_url, key_of)
    model = next((model for model in preset.models if model.id == choice.model), None)
    if choice.model is None and preset.models:
        model = preset.models[0]
    context = choice.context or (model.context if model else None) or preset.context
    from studio.backends.endpoint import Endpoint

    return Endpoint(
        name=preset.name,
        model=choice.model or (model.id if model else ""),
        base_url=base_url.rstrip("/"),
        given_base_url=(choice.base_url or "").rstrip("/"),
        key=key,
        context=None if context is None else min(LARGEST_CONTEXT, context),
        prices=Prices(input=0, cached=0, output=0) if preset.local else model.prices if model else None,
        dialect=preset.dialect,
        cache=cache,
    )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
        parts = urlsplit("")
    if not good:
        raise UsageError(f"“{url}” is no endpoint's address; give --base-url one such as http://127.0.0.1:8080/v1.")
    if parts.username or parts.password:
        raise UsageError("The --base-url holds a name or password; put the key into the environment instead.")


def _key(preset: Preset, base_url: str, key_of: Callable[[str], str | None]) -> str | None:
    if not preset.key_variable:
        return None
    key = (key_of(preset.key_variable) or "").strip()
    if not key:
        hosted = (urlsplit(base_url).hostname or "").endswith("openai.com")
        if preset.key_optional and not hosted:
            return None
        raise UsageError(
            f"The backend {preset.name} needs a key: set {preset.key_variable} in the environment or in .env, "
            "or leave --backend out to write with the embedded model."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"{preset.key_variable} holds characters no key has; copy it again.")
    return key

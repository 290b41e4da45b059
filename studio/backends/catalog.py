"""The presets, and the one place that makes a backend out of a choice."""

from collections.abc import Callable, Mapping
from functools import cache as once
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from studio.backends.backend import Backend, BackendChoice, Prices
from studio.backends.dialects import Dialect
from studio.backends.faults import Hints
from studio.errors import UsageError
from studio.printable import printable


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of a preset."""

    id: str
    context: int  # tokens
    max_output: int | None = None  # tokens of one reply, where the server must be told
    prices: Prices | None = None
    extra_body: dict[str, Any] = {}  # sent with every request to it


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model can be, and how it is spoken to."""

    summary: str
    name: str = ""
    base_url: str = ""
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

    def model(self, id_: str | None) -> Model | None:
        """What is known of a model; of the first one when none is named."""
        if id_ is None:
            return self.models[0] if self.models else None
        return next((model for model in self.models if model.id == id_), None)


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
    if choice.context is not None and choice.context < 1:
        raise UsageError(f"--context {choice.context} is no window; it is a number of tokens, such as 32768.")
    if preset.name == "embedded":
        from studio.backends.embedded import EmbeddedBackend

        return EmbeddedBackend(model=choice.model, context=choice.context, cache=cache)
    base_url = (choice.base_url or preset.base_url).strip().rstrip("/")
    if not base_url:
        raise UsageError(f"The backend {preset.name} needs --base-url, e.g. --base-url http://127.0.0.1:8080/v1.")
    _check_url(base_url)
    from studio.backends.endpoint import LARGEST_CONTEXT, Endpoint

    model = preset.model(choice.model)
    context = choice.context or (model.context if model else None)
    return Endpoint(
        name=preset.name,
        model=choice.model or (model.id if model else ""),
        base_url=base_url,
        given_base_url=base_url if choice.base_url else "",
        key=_key(preset, base_url, key_of),
        context=None if context is None else min(LARGEST_CONTEXT, context),
        fallback_context=preset.fallback_context,
        prices=Prices(input=0, cached=0, output=0) if preset.local else model.prices if model else None,
        dialect=_dialect(preset, model),
        cache=cache,
        probe_path=preset.window_path,
        hints=Hints(key_variable=preset.key_variable, key=preset.key_hint, unreachable=preset.unreachable_hint),
    )


def _dialect(preset: Preset, model: Model | None) -> Dialect:
    """The preset's dialect with what this one model wants besides."""
    if model is None:
        return preset.dialect
    extra_body = {**preset.dialect.extra_body, **model.extra_body}
    return msgspec.structs.replace(preset.dialect, max_output=model.max_output, extra_body=extra_body)


def _check_url(url: str) -> None:
    """Raises `UsageError`, and never repeats what may be a password."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise UsageError("The --base-url can't be read; give one such as http://127.0.0.1:8080/v1.") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "The --base-url holds a name, a password or a query; give the address alone, and put the key into the "
            "environment."
        )
    if not good or not url.isprintable() or " " in url:
        raise UsageError(
            f"“{printable(url)}” is no endpoint's address; give --base-url one such as http://127.0.0.1:8080/v1."
        )


def _key(preset: Preset, base_url: str, key_of: Callable[[str], str | None]) -> str | None:
    if not preset.key_variable:
        return None
    key = (key_of(preset.key_variable) or "").strip()
    if not key:
        hosted = ("." + (urlsplit(base_url).hostname or "")).endswith(".openai.com")
        if preset.key_optional and not hosted:
            return None
        raise UsageError(
            f"The backend {preset.name} needs a key: set {preset.key_variable} in the environment or in .env, "
            "or leave --backend out to write with the embedded model, which needs none."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"{preset.key_variable} holds characters no key has; copy it again.")
    return key

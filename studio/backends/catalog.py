"""The one place that makes a backend out of a choice."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from studio.backends.backend import Backend, BackendChoice
from studio.backends.presets import Preset, preset_for, presets
from studio.errors import UsageError
from studio.printable import printable


def open_backend(
    choice: BackendChoice,
    *,
    key_of: Callable[[str], str | None],
    cache: Path,
    first_byte: float | None = None,
    idle: float | None = None,
) -> Backend:
    """Make the backend; nothing is fetched or reached before its `prepare`.

    Args:
        key_of: the value of a key by its variable's name, or None.
        cache: folder for weights and vocabularies.
        first_byte: seconds a server may be silent before its reply begins; None = ten minutes.
        idle: seconds it may be silent after that; None = five minutes.

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
    from studio.backends.endpoint import FIRST_BYTE, IDLE, Endpoint

    return Endpoint(
        preset=preset_for(preset, base_url),
        model=choice.model or "",
        base_url=base_url,
        given_base_url=base_url if choice.base_url else "",
        key=_key(preset, base_url, key_of),
        context=choice.context,
        cache=cache,
        reasoning_field=choice.reasoning_field,
        session=choice.session,
        first_byte=FIRST_BYTE if first_byte is None else first_byte,
        idle=IDLE if idle is None else idle,
    )


def _check_url(url: str) -> None:
    """Raises `UsageError`, and never repeats what may be a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (port is None or port > 0)
    except ValueError:
        raise UsageError("The --base-url can't be read; give one such as http://127.0.0.1:8080/v1.") from None
    if "@" in url or parts.query or parts.fragment:
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

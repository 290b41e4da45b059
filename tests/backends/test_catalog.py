"""A choice becomes a backend, or one sentence about what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from studio.backends.backend import Backend, BackendChoice
from studio.backends.catalog import open_backend
from studio.backends.presets import changed, preset_for, presets
from studio.errors import UsageError

KEYS = {"MOONSHOT_API_KEY": "sk-moon", "OPENROUTER_API_KEY": " sk-or \n"}


def opened(tmp_path: Path, keys: dict[str, str] | None = None, **choice: object) -> Backend:
    return open_backend(BackendChoice(**choice), key_of=(KEYS if keys is None else keys).get, cache=tmp_path)


def test_the_presets_are_those_the_manual_names() -> None:
    names = ["embedded", "moonshot", "openrouter", "ollama", "llamacpp", "vllm", "lmstudio", "openai"]
    assert list(presets()) == names
    assert {"kimi-k2-thinking", "kimi-k2-thinking-turbo", "kimi-k2.6", "kimi-k3", "kimi-k3.1-pro"} <= {
        model.id for model in presets()["moonshot"].models
    }


@pytest.mark.parametrize("name", ["moonshot", "openrouter", "ollama", "llamacpp", "vllm", "lmstudio"])
def test_every_preset_opens_without_reaching_anything(name: str, tmp_path: Path) -> None:
    backend = opened(tmp_path, backend=name)
    assert (backend.name, backend.base_url) == (name, "")
    assert 0 < backend.context <= 200_000


def test_moonshot_starts_with_a_model_that_is_still_served_and_knows_its_price(tmp_path: Path) -> None:
    backend = opened(tmp_path, backend="moonshot")
    assert (backend.model, backend.context) == ("kimi-k3", 200_000)
    assert backend.prices is not None


def test_local_backends_cost_nothing_and_unknown_models_an_unknown_sum(tmp_path: Path) -> None:
    local = opened(tmp_path, backend="ollama", model="kimi")
    assert local.prices is not None
    assert (local.prices.input, local.prices.output) == (0, 0)
    assert opened(tmp_path, backend="moonshot", model="kimi-k9").prices is None


def test_an_unknown_model_is_tried(tmp_path: Path) -> None:
    assert opened(tmp_path, backend="moonshot", model="kimi-k9").model == "kimi-k9"


def test_any_endpoint_may_have_a_window_of_200_000_and_no_more(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/v1"
    assert opened(tmp_path, backend="openai", base_url=url, model="m").context == 200_000
    assert opened(tmp_path, backend="openai", base_url=url, model="m", context=1_000_000).context == 200_000
    assert opened(tmp_path, backend="openai", base_url=url, model="m", context=8192).context == 8192


def test_an_own_address_is_told_and_the_presets_is_not(tmp_path: Path) -> None:
    assert opened(tmp_path, backend="vllm", base_url="http://127.0.0.1:9/v1/").base_url == "http://127.0.0.1:9/v1"
    assert opened(tmp_path, backend="vllm").base_url == ""


def test_an_unknown_preset_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"“opeai”.*embedded, moonshot.*openai"):
        opened(tmp_path, backend="opeai")


def test_a_missing_key_is_named_with_the_model_that_needs_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"MOONSHOT_API_KEY.*embedded model, which needs none"):
        opened(tmp_path, keys={"MOONSHOT_API_KEY": "  "}, backend="moonshot")
    assert presets()["moonshot"].missing_key({}.get) == "MOONSHOT_API_KEY"
    assert presets()["moonshot"].missing_key(KEYS.get) == ""


def test_only_openai_itself_needs_a_key_among_endpoints(tmp_path: Path) -> None:
    opened(tmp_path, keys={}, backend="openai", base_url="http://127.0.0.1:9/v1", model="m")
    opened(tmp_path, keys={}, backend="openai", base_url="https://notopenai.com/v1", model="m")
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        opened(tmp_path, keys={}, backend="openai", base_url="https://api.openai.com/v1", model="m")


def test_openai_needs_an_address(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--base-url"):
        opened(tmp_path, keys={}, backend="openai")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://x/v1",
        "http://",
        "http:///v1",
        "http://x:99999/v1",
        "http://[::1/v1",
        "x",
        "http://a b/v1",
    ],
)
def test_a_bad_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="base-url"):
        opened(tmp_path, keys={}, backend="openai", base_url=url)


@pytest.mark.parametrize(
    "url", ["http://me:hunter2@x/v1", "https://x/v1?key=hunter2", "ftp://hunter2@x", "http://x/v1#hunter2"]
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--base-url") as refusal:
        opened(tmp_path, keys={}, backend="openai", base_url=url)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-\x1b[31m", "sk-é", "sk a"])
def test_a_key_that_can_be_none_is_refused_and_not_repeated(key: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MOONSHOT_API_KEY") as refusal:
        opened(tmp_path, keys={"MOONSHOT_API_KEY": key}, backend="moonshot")
    assert key not in str(refusal.value)


def test_a_window_is_a_positive_number(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--context"):
        opened(tmp_path, backend="ollama", context=0)


def test_importing_the_backends_imports_no_client() -> None:
    script = (
        "import importlib, pkgutil, sys, studio.backends as package\n"
        "names = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.endswith('_child')]\n"
        "for name in names: importlib.import_module(f'studio.backends.{name}')\n"
        "print(len(names), {'openai', 'httpx2', 'tiktoken', 'xllamacpp', 'json_repair'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.split(maxsplit=1)[1].strip() == "set()"
    assert int(found.split()[0]) > 10


def test_an_address_that_is_known_is_spoken_to_as_its_kind(tmp_path: Path) -> None:
    openai = presets()["openai"]
    moonshot = preset_for(openai, "https://api.moonshot.cn/v1")
    assert moonshot.dialect == presets()["moonshot"].dialect
    assert moonshot.prices_for("kimi-k3") is not None and moonshot.key_variable == "OPENAI_API_KEY"
    ollama = preset_for(openai, "http://localhost:11434/v1")
    assert ollama.dialect.truncates_silently and ollama.window_path == "/api/ps" and ollama.local
    assert preset_for(openai, "https://api.mistral.ai/v1").dialect.tool_ids == "nine"
    for other in ("https://notmoonshot.ai/v1", "http://127.0.0.1:8080/v1", "https://api.moonshot.ai.evil.example/v1"):
        assert preset_for(openai, other) == openai


def test_a_model_wants_what_its_preset_does_not() -> None:
    moonshot = presets()["moonshot"]
    assert moonshot.dialect_for("kimi-k2.6").extra_body["thinking"]["keep"] == "all"
    assert moonshot.dialect_for("kimi-k3").must_call and not moonshot.dialect_for("kimi-k2.6").must_call
    assert moonshot.dialect_for("kimi-k9") == moonshot.dialect
    assert changed(moonshot.dialect, {}) == moonshot.dialect

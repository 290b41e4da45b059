"""What an endpoint says of itself: the models it serves and their windows, wherever its kind of server tells them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from studio.backends.backend import Prices

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ASKING = 15.0  # seconds for a list of models

# What is allocated comes before what the model could take.
_NAMES = (
    "loaded_context_length",
    "context_length",
    "max_model_len",
    "n_ctx",
    "context_window",
    "max_context_length",
    "n_ctx_train",
)


async def served_models(client: "AsyncOpenAI") -> list[dict[str, Any]]:
    """The entries of `/models`, empty when it answers with something else. Raises what the client raises."""
    body = await client.get("/models", cast_to=object, options={"timeout": ASKING})
    listed = body.get("data") or body.get("models") if isinstance(body, dict) else None
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return [{**entry, "id": entry.get("id") or entry.get("name")} for entry in entries]


async def probe(client: "AsyncOpenAI", path: str) -> Any:
    """What the server answers at `path`, beside its /v1. Raises what the client raises."""
    root = str(client.base_url).rstrip("/").removesuffix("/v1")
    return await client.get(root + path, cast_to=object, options={"timeout": ASKING})


def window_of(body: Any, model: str) -> int | None:
    """The window in tokens that an answer tells for `model`, under the names and in the places servers use."""
    for place in _places(body, model):
        for name in _NAMES:
            value = place.get(name)
            if isinstance(value, int) and value > 0:
                return value
    return None


def prices_in(listed: Sequence[Mapping[str, Any]], model: str) -> Prices | None:
    """A model's prices where a list of models tells them: OpenRouter's, in US dollars a token, as text."""
    entry = next((entry for entry in listed if entry.get("id") == model), None)
    said = entry.get("pricing") if entry is not None else None
    if not isinstance(said, dict):
        return None

    def price(name: str) -> float | None:
        try:
            return float(said[name]) * 1e6
        except (KeyError, TypeError, ValueError):
            return None

    fresh, output = price("prompt"), price("completion")
    if fresh is None or output is None or fresh < 0 or output < 0:  # -1: it varies
        return None
    cached = price("input_cache_read")
    return Prices(
        input=fresh,
        cached=fresh if cached is None else cached,
        output=output,
        cache_write=price("input_cache_write"),
    )


def _places(body: Any, model: str) -> Iterator[dict[str, Any]]:
    if not isinstance(body, dict):
        return
    for list_ in ("data", "models"):  # of /models, LM Studio's /api/v0/models and Ollama's /api/ps
        entries = body.get(list_)
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and model in (entry.get("id"), entry.get("name"), entry.get("model")):
                yield from _with_inner(entry)
    yield from _with_inner(body)


def _with_inner(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("default_generation_settings", "meta", "top_provider"):  # llama.cpp's /props and /models; OpenRouter's
        if isinstance(inner := entry.get(key), dict):
            yield inner
    yield entry

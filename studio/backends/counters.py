"""Servers that count a conversation themselves: exact where ours is an estimate, at the price of a request."""

from typing import TYPE_CHECKING, Any

from studio.backends.dialects import Dialect

if TYPE_CHECKING:
    from openai import AsyncOpenAI

COUNTING = 15.0  # seconds


async def counted_by_server(
    client: "AsyncOpenAI",
    dialect: Dialect,
    model: str,
    messages: list[dict[str, Any]],
    tools: list[dict[str, Any]],
) -> tuple[int, bool] | None:
    """(tokens, whether the tools are among them), or None when this kind of server can't.

    Args:
        messages, tools: in the server's dialect.

    Raises:
        openai.OpenAIError, httpx2.HTTPError: as the client does.
    """
    match dialect.counter:
        case "moonshot":  # its published schema takes no tools
            body = await _post(client, "/tokenizers/estimate-token-count", {"model": model, "messages": messages})
            data = body.get("data") if isinstance(body, dict) else None
            return _number(data if isinstance(data, dict) else body, "total_tokens", has_tools=False)
        case "llamacpp":
            asked = {"model": model, "messages": messages, **({"tools": tools} if tools else {})}
            return _number(await _post(client, "/chat/completions/input_tokens", asked), "input_tokens", has_tools=True)
        case "vllm":
            asked = {"model": model, "messages": messages, **({"tools": tools} if tools else {})}
            root = str(client.base_url).rstrip("/").removesuffix("/v1")
            return _number(await _post(client, f"{root}/tokenize", asked), "count", has_tools=True)
        case _:
            return None


async def _post(client: "AsyncOpenAI", path: str, body: dict[str, Any]) -> Any:
    return await client.post(path, body=body, cast_to=object, options={"timeout": COUNTING})


def _number(body: Any, name: str, *, has_tools: bool) -> tuple[int, bool] | None:
    found = body.get(name) if isinstance(body, dict) else None
    return (found, has_tools) if isinstance(found, int) and found > 0 else None

"""How servers say that a conversation does not fit their window, and what window they name."""

import re
from typing import Any

# What clients in use look for, and what llama.cpp, vLLM, LM Studio, Ollama and Moonshot say.
_OVERFLOW = re.compile(
    r"context[ _-]?length|context[ _-]?window.*exceed|maximum context|exceeds? the available context size|"
    r"exceed_context_size|exceed(?:ed|s|ing)?\s+(?:the\s+)?max(?:imum)?\s+tokens?|"
    r"too many tokens.*(?:prompt|input|context)|prompt is too long|input token count.*exceeds?|"
    r"request.*exceed(?:ed|s|ing)?.*model token limit|input token length too long|cannot truncate prompt with n_keep|"
    r"trying to keep the first \d+ tokens|context size has been exceeded|input length exceeds the context length|"
    r"prompt is longer than the context length|longer than the model's context length|exceed context limit|"
    r"increasing context size|total message size \d+ exceeds limit",
    re.IGNORECASE,
)
_NUMBER = r"\s*:?\s*\(?(\d[\d,_]{2,})"
_WINDOWS = [
    re.compile(pattern + _NUMBER, re.IGNORECASE)
    for pattern in (
        r"maximum context length (?:is|of)",
        r"model token limit",
        r"n_ctx\"?",
        r"available context size",
        r"maximum number of tokens(?: allowed)?",
        r"context (?:length|window|size)(?: is only| is| of)?",
    )
] + [re.compile(r"tokens? > (\d[\d,_]{2,}) maximum", re.IGNORECASE)]
_SMALLEST, _LARGEST = 512, 100_000_000  # tokens; outside of these a number is something else


def is_overflow(said: str) -> bool:
    """Whether a server's words, or its code for them, mean a window that is full."""
    return bool(_OVERFLOW.search(said))


def window_in(said: str, body: Any) -> int | None:
    """The window in tokens, if the server's words or its error object name one."""
    inner = body.get("error", body) if isinstance(body, dict) else None
    found = inner.get("n_ctx") if isinstance(inner, dict) else None  # llama.cpp's field
    if not isinstance(found, int):
        match = next((match for window in _WINDOWS if (match := window.search(said))), None)
        found = int(re.sub(r"[,_]", "", match[1])) if match else 0
    return found if _SMALLEST <= found <= _LARGEST else None

"""What a server or the network did, in the author's terms: one sentence, what to do, never a key."""

import json
import re
from typing import Any

import httpx2
import openai

from studio.errors import BackendError, ContextOverflow

_OVERFLOW = re.compile(
    r"context[ _-]?length|context[ _-]?window.*exceed|maximum context|exceeds? the available context size|"
    r"exceed_context_size|exceed(?:ed|s|ing)?\s+(?:the\s+)?max(?:imum)?\s+tokens?|too many tokens.*(?:prompt|input|context)|"
    r"prompt is too long|input token count.*exceeds?|request.*exceed(?:ed|s|ing)?.*model token limit|"
    r"input token length too long|cannot truncate prompt with n_keep|context size has been exceeded|"
    r"input length exceeds the context length|prompt is longer than the context length",
    re.IGNORECASE,
)
_QUOTA = re.compile(r"quota|insufficient|balance|billing|payment|credit", re.IGNORECASE)
_RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 529}


class Faults:
    """Translates for one endpoint."""

    def __init__(self, *, name: str, base_url: str, model: str, key: str | None) -> None:
        self._name = name
        self._base_url = base_url
        self.model = model
        self._key = key

    def of_exception(self, error: Exception) -> BackendError:
        """For whatever the client raised before or while a reply streamed."""
        if isinstance(error, openai.APIStatusError):
            return self.of_status(error.status_code, error.body, error.response.headers, error.response)
        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            return BackendError(self._say(f"{self._base_url} did not answer in time"), retryable=True)
        if isinstance(error, openai.APIConnectionError | httpx2.HTTPError):
            cause = _root_cause(error)
            return BackendError(
                self._say(
                    f"{self._base_url} can't be reached ({cause}); see that the server runs and that the address is right"
                ),
                retryable=True,
            )
        return BackendError(self._say(f"the call to {self._base_url} failed ({type(error).__name__}: {error})"))

    def of_status(self, status: int, body: Any, headers: Any, response: Any = None) -> BackendError:
        """For an HTTP status that is no success."""
        said, kind = self._said(body, response)
        quoted = f": {said}" if said else ""
        if status in (400, 413, 422) and (_OVERFLOW.search(said) or _OVERFLOW.search(kind)):
            return ContextOverflow(self._say(f"the conversation is too long for {self.model}{quoted}"))
        if status in (401, 403):
            return BackendError(
                self._say(
                    f"{self._name} did not accept the key ({status}{quoted}); check it, or choose another --backend"
                )
            )
        if status == 402 or (status == 429 and ("quota" in kind or _QUOTA.search(said))):
            return BackendError(
                self._say(f"the account at {self._name} has nothing left ({status}{quoted}); top it up, then resume")
            )
        if status == 404:
            return BackendError(
                self._say(
                    f"{self._base_url} does not know the model {self.model}, or is no OpenAI-compatible address "
                    f"(404{quoted}); choose another with --model, or check --base-url"
                )
            )
        if status in _RETRIED or status >= 500:
            what = "is overloaded or limits its calls" if status in (429, 503, 529) else "failed"
            return BackendError(
                self._say(f"{self._name} {what} ({status}{quoted})"), retryable=True, retry_after=_retry_after(headers)
            )
        return BackendError(
            self._say(f"{self._name} refused the call ({status}{quoted}); the run is kept, resume when mended")
        )

    def of_error_object(self, error: Any) -> BackendError:
        """For an error that came inside the stream."""
        said, kind = self._said({"error": error}, None)
        if _OVERFLOW.search(said) or _OVERFLOW.search(kind):
            return ContextOverflow(self._say(f"the conversation is too long for {self.model}: {said}"))
        code = error.get("code") if isinstance(error, dict) else None
        status = int(code) if isinstance(code, int | str) and str(code).isdigit() else 0
        if status in (401, 402, 403, 404):
            return self.of_status(status, {"error": error}, {})
        return BackendError(
            self._say(f"{self._name} broke off with an error ({said or 'no reason given'})"), retryable=True
        )

    def not_a_stream(self, kind: str, body: bytes) -> BackendError:
        """For an answer that is neither a stream nor a completion."""
        what = "a web page" if b"<html" in body[:2000].lower() or "html" in kind else "something that is not JSON"
        return BackendError(
            self._say(
                f"{self._base_url} answered with {what} instead of a reply; give --base-url the address of an "
                "OpenAI-compatible endpoint, which often ends in /v1"
            )
        )

    def cut(self, why: str) -> str:
        """The sentence for a stream that ended early."""
        return self._say(f"the reply of {self._name} was cut off ({why})")

    def bad_chunk(self, text: str) -> str:
        """The sentence for a stream that is not made of JSON."""
        return self._say(f"{self._name} sent something that is not JSON (“{_short(text, 80)}”)")

    def _said(self, body: Any, response: Any) -> tuple[str, str]:
        """(what the server said, its kind of error), whatever shape it came in."""
        if body is None and response is not None:
            try:
                body = response.json()
            except ValueError:
                return _short(response.text), ""
        if isinstance(body, dict):
            inner = body.get("error", body)
            if isinstance(inner, dict):
                message = inner.get("message") or inner.get("detail") or inner.get("error") or ""
                raw = (inner.get("metadata") or {}).get("raw") if isinstance(inner.get("metadata"), dict) else None
                whole = f"{message}: {raw}" if raw else message
                return _short(_plain(whole)), str(inner.get("type") or inner.get("code") or "")
            return _short(_plain(inner)), str(body.get("type") or "")
        return _short(_plain(body)) if body else "", ""

    def _say(self, sentence: str) -> str:
        if self._key:
            sentence = sentence.replace(self._key, "[key]")
        return sentence[:1].upper() + sentence[1:].rstrip(".") + "."


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return json.dumps(value, ensure_ascii=False) if value is not None else ""


def _short(text: str, most: int = 300) -> str:
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= most else text[:most] + "…"


def _root_cause(error: BaseException) -> str:
    """The innermost reason, in few words."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = _short(str(error), 120)
    return text or type(error).__name__


def _retry_after(headers: Any) -> float | None:
    """Seconds the server asks to wait: `retry-after-ms`, or `retry-after` as a number or a date."""
    if not headers:
        return None
    try:
        if ms := headers.get("retry-after-ms"):
            return max(0.0, float(ms) / 1000)
        value = headers.get("retry-after")
        if not value:
            return None
        return max(0.0, float(value))
    except ValueError:
        return _seconds_until(str(headers.get("retry-after")))


def _seconds_until(date: str) -> float | None:
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, TypeError):
        return None

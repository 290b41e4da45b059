"""What a server or the network did, in the author's terms: one sentence, what to do, never a key."""

import json
import math
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from studio.backends.overflow import is_overflow, window_in
from studio.errors import BackendError, ContextOverflow
from studio.printable import printable
from studio.redact import Redactor

_QUOTA = re.compile(r"quota|insufficient|balance|billing|payment|credit", re.IGNORECASE)
_RATE = re.compile(r"rate.?limit|overloaded|too many requests", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"model\b.{0,120}\b(?:not found|not exist|unknown|not available)|no such model|valid model", re.I
)
_FILTERED = re.compile(r"content_filter|content_policy|moderation", re.IGNORECASE)
_REFUSED_CALL = "tool_use_failed"
_RETRIED = {408, 409, 425, 429, 499}
_LONG_WAIT = 1800.0  # seconds; of a longer one the author is told in hours
_LONGEST_ASKED = 1e10  # seconds, some centuries; a number of three hundred digits is no time to wait


class Hints(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a preset knows of its own mishaps; each is the end of a sentence."""

    key_variable: str = ""
    key: str = ""  # when the key is refused
    unreachable: str = ""  # when nothing answers


class Faults:
    """Translates for one endpoint."""

    def __init__(self, *, name: str, base_url: str, model: str, key: str | None, hints: Hints | None = None) -> None:
        self._name = name
        self._base_url = base_url
        self.model = model
        self._key = key
        self._redacted = Redactor([key] if key else [])
        self._redacted.add_url(base_url)
        self._hints = hints or Hints()

    # --- before a reply -------------------------------------------------------------------------------------------

    def of_exception(self, error: Exception, served: Sequence[str] = ()) -> BackendError:
        """For whatever the client raised. `served`: what the endpoint lists, to name another model."""
        import httpx2
        import openai

        if isinstance(error, openai.APIStatusError):
            return self.of_status(error.status_code, error.response.text, error.response.headers, served)
        causes = list(_causes(error))
        root = causes[-1]
        if any(isinstance(cause, httpx2.ConnectTimeout) for cause in causes):
            return self._unreachable("it did not take the connection in time")
        if any(isinstance(cause, openai.APITimeoutError | httpx2.TimeoutException) for cause in causes):
            return BackendError(self._say(f"{self._base_url} did not answer in time"), retryable=True)
        if isinstance(root, ssl.SSLError):
            return BackendError(
                self._say(
                    f"{self._base_url} can't be reached over TLS ({self._quote(str(root), 120)}); check whether its "
                    "address begins with http or https, and its certificate"
                )
            )
        if isinstance(root, socket.gaierror):
            return self._unreachable("its name is unknown, or there is no network")
        if isinstance(root, ConnectionRefusedError):
            return self._unreachable("nothing listens there")
        if isinstance(error, openai.APIConnectionError | httpx2.HTTPError):
            return self._unreachable(self._quote(str(root), 120) or type(root).__name__)
        said = f"{type(error).__name__}: {self._quote(str(error))}"
        return BackendError(self._say(f"the call to {self._base_url} failed ({said})"))

    def _unreachable(self, cause: str) -> BackendError:
        remedy = self._hints.unreachable or "see that the server runs and that the address is right"
        sentence = self._say(f"{self._base_url} can't be reached ({cause}); {remedy}")
        error = BackendError(sentence, retryable=True, answered=False)
        error.cause = f"the connection broke: {cause}"
        return error

    def silent(self, seconds: float) -> BackendError:
        """For a server that has sent nothing for too long."""
        error = BackendError(self._say(f"{self._base_url} sent nothing for {seconds:.0f} s"), retryable=True)
        error.cause = f"it sent nothing for {seconds:.0f} s"
        return error

    def of_status(self, status: int, body: Any, headers: Any = None, served: Sequence[str] = ()) -> BackendError:
        """For an HTTP status that is no success; `body` as text or parsed."""
        error = self._of_status(status, body, headers, served)
        if status in (400, 422) and not isinstance(error, ContextOverflow) and not error.advice:
            error.refusal = self._said(body)[0]
        return error

    def _of_status(self, status: int, body: Any, headers: Any, served: Sequence[str]) -> BackendError:
        said, kind, body = self._said(body)
        quoted = f"{status}: {said}" if said else str(status)
        both = f"{kind} {said}"
        if status == 413 or (status in (400, 422, 500) and is_overflow(both)):
            return self._overflow(quoted, window_in(said, body))
        if _REFUSED_CALL in kind:
            return self._refused_call(said)
        if lacks_model(status, said):
            return self._not_found(quoted, served)
        if status == 402 or (status in (403, 429) and _is_about_money(kind, said)):
            return BackendError(
                self._say(f"the account at {self._name} has nothing left ({quoted}); top it up, then resume")
            )
        if status in (401, 403):
            return self._refused_key(quoted)
        if status in _RETRIED or status >= 500:
            return self._again(status, quoted, _retry_after(headers))
        if _FILTERED.search(both):
            return BackendError(
                self._say(
                    f"{self._name} refused what the conversation holds ({quoted}); change it with a note or an edit"
                )
            )
        return BackendError(
            self._say(f"{self._name} refused the call ({quoted}); choose another --model or --backend, then resume")
        )

    def _overflow(self, said: str, window: int | None) -> ContextOverflow:
        holds = "" if window is None or f"{window}" in re.sub(r"[,_]", "", said) else f", which holds {window:,} tokens"
        return ContextOverflow(
            self._say(
                f"the conversation is too long for {self.model} at {self._name}{holds} ({said}); --context can say how "
                "long it may be"
            ),
            window=window,
        )

    def _refused_call(self, said: str) -> BackendError:
        """Groq checks what the model calls, and ends the reply when it finds fault with it."""
        error = BackendError(self._say(f"{self._name} refused the model's tool call ({said})"), retryable=True)
        error.cause = f"its server refused the tool call: {said}"
        error.retry_after = 0.0
        error.advice = "refused_call"
        return error

    def _not_found(self, quoted: str, served: Sequence[str]) -> BackendError:
        if served:
            names = ", ".join(served[:6]) + (", …" if len(served) > 6 else "")
            sentence = (
                f"{self._name} does not serve the model {self.model} ({quoted}); choose one with --model: {names}"
            )
        else:
            sentence = (
                f"{self._base_url} does not know the model {self.model}, or is no OpenAI-compatible address ({quoted});"
                " choose another with --model, or check --base-url, which often ends in /v1"
            )
        return BackendError(self._say(sentence))

    def _refused_key(self, quoted: str) -> BackendError:
        if not self._key:
            variable = f" in {self._hints.key_variable}" if self._hints.key_variable else ""
            return BackendError(self._say(f"{self._base_url} wants a key ({quoted}); set one{variable}"))
        where = f" in {self._hints.key_variable}" if self._hints.key_variable else ""
        hint = f" ({self._hints.key})" if self._hints.key else ""
        return BackendError(
            self._say(
                f"{self._name} did not accept the key{where} ({quoted}); check it{hint}, or choose another --backend"
            )
        )

    def _again(self, status: int, quoted: str, retry_after: float | None) -> BackendError:
        what = "is overloaded or limits its calls" if status in (429, 503, 529) else "failed"
        if retry_after is not None and retry_after > _LONG_WAIT:
            wait = f"asks to wait {retry_after / 3600:.1f} hours"
            sentence = self._say(f"{self._name} {what} and {wait} ({quoted}); meanwhile another --backend can go on")
            return BackendError(sentence, retryable=True, retry_after=retry_after)
        sentence = self._say(f"{self._name} {what} ({quoted}); the call is made again")
        return BackendError(sentence, retryable=True, retry_after=retry_after)

    # --- while it streams -----------------------------------------------------------------------------------------

    def of_error_object(self, error: Any) -> BackendError:
        """For an error that came inside a stream, or as a body with status 200."""
        said, kind, body = self._said({"error": error})
        if is_overflow(f"{kind} {said}"):
            return self._overflow(said, window_in(said, body))
        if _REFUSED_CALL in kind:
            return self._refused_call(said)
        code = error.get("code") if isinstance(error, dict) else None
        status = int(code) if isinstance(code, int | str) and str(code).isdecimal() else 0
        if status in (401, 402, 403, 404, 429):
            return self.of_status(status, {"error": error})
        if _is_about_money(kind, said):
            return self.of_status(402, {"error": error})
        if _FILTERED.search(f"{kind} {said}"):
            return self.of_status(400, {"error": error})
        cause = f"an error: {said or kind or 'no reason given'}"
        error_said = BackendError(self._say(f"{self._name} broke off with {cause}"), retryable=True)
        error_said.cause = cause
        return error_said

    def not_a_stream(self, body: bytes) -> BackendError:
        """For an answer that is neither a stream nor a completion."""
        what = "a web page" if body.lstrip()[:1] == b"<" else "something else than a reply"
        quoted = self._quote(body[:2000].decode("utf-8", "replace"), 80)
        return BackendError(
            self._say(
                f"{self._base_url} answered with {what} (“{quoted}”); give --base-url the address of an "
                "OpenAI-compatible endpoint, which often ends in /v1"
            )
        )

    def cut(self, why: str) -> str:
        """The sentence for a stream that ended early."""
        return self._say(f"the reply of {self._name} was cut off ({why})")

    def filtered(self) -> str:
        """The sentence for a reply that the provider's filter stopped."""
        return self._say(
            f"the filter of {self._name} stopped the reply; what had come is kept. Tell the agent otherwise in a note, "
            "or choose another --backend"
        )

    def leaked(self) -> str:
        """The sentence for a tool call that arrived as text and could not be read."""
        return self._say(f"{self._name} sent a tool call as text, which could not be read; the model is asked again")

    def bad_chunk(self, text: str) -> str:
        """The sentence for a stream that is not made of JSON."""
        return self._say(f"{self._name} sent something that is not JSON (“{self._quote(text, 80)}”)")

    def nothing_came(self) -> BackendError:
        """For a stream that was empty: LM Studio and llama-cpp-python answer so when the window is too small."""
        error = BackendError(
            self._say(
                f"{self._name} answered with nothing at all; if that goes on, see whether {self.model} is loaded with "
                "a window as large as --context says"
            ),
            retryable=True,
            answered=False,
        )
        error.is_reply = True
        return error

    def truncated(self, read: int, counted: int) -> str:
        """The sentence for a server that dropped the beginning of the conversation without a word."""
        return self._say(
            f"{self._name} read only {read:,} of about {counted:,} tokens, so the model has not seen it all; "
            "start the server with a larger window (OLLAMA_CONTEXT_LENGTH), or say --context"
        )

    # --- words ----------------------------------------------------------------------------------------------------

    def _said(self, body: Any) -> tuple[str, str, Any]:
        """(what the server said, its kind of error, the body parsed), whatever shape it came in."""
        if isinstance(body, str):
            try:
                body = json.loads(body)
            except (ValueError, RecursionError):
                title = re.search(r"<title>(.*?)</title>", body, re.IGNORECASE | re.DOTALL)
                return self._quote(title[1] if title else body), "", body
        if isinstance(body, list) and body:  # Google's
            body = body[0]
        if not isinstance(body, dict):
            return self._quote(_plain(body)), "", body
        inner = body.get("error") or body
        if not isinstance(inner, dict):
            return self._quote(_plain(inner)), str(body.get("type") or ""), body
        message = _plain(inner.get("message") or inner.get("detail") or inner.get("error"))
        metadata = inner.get("metadata")
        raw = metadata.get("raw") if isinstance(metadata, dict) else None  # OpenRouter hides the cause there
        whole = f"{message}: {_plain(raw)}" if raw else message
        kind = " ".join(str(inner[key]) for key in ("type", "code") if inner.get(key))
        return self._quote(whole or (_plain(inner) if inner is body else "")), kind, body

    def _quote(self, text: str, most: int = 300) -> str:
        """A server's words, on one line, visible, not too many; the key goes before they are cut."""
        text = " ".join(printable(self._redacted(text)).split())
        return (text if len(text) <= most else text[:most] + "…").rstrip(".")

    def _say(self, sentence: str) -> str:
        sentence = self._redacted(sentence)
        first = sentence[:1] if sentence.startswith(self._base_url) else sentence[:1].upper()
        return first + sentence[1:].rstrip(".") + "."


def lacks_model(status: int, said: str) -> bool:
    """Whether a status and a server's words mean that there is no such model, or nothing at all at that address."""
    return status == 404 or (status in (400, 422) and bool(_NO_MODEL.search(said)))


def _is_about_money(kind: str, said: str) -> bool:
    """An empty account, which no waiting fills; a server's own word for it counts more than its sentence."""
    if "quota" in kind or "insufficient" in kind:
        return True
    return not _RATE.search(kind) and bool(_QUOTA.search(said)) and not _RATE.search(said)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, outermost first."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = inner.__cause__ or inner.__context__


def _retry_after(headers: Any) -> float | None:
    """Seconds the server asks to wait: `retry-after-ms`, or `retry-after` as a number or a date (RFC 9110, 10.2.3)."""
    if not headers:
        return None
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * scale
        except ValueError:
            return _seconds_until(value)
        return min(max(0.0, seconds), _LONGEST_ASKED) if math.isfinite(seconds) else None
    return None


def _seconds_until(date: str) -> float | None:
    try:
        return min(max(0.0, parsedate_to_datetime(date).timestamp() - time.time()), _LONGEST_ASKED)
    except (ValueError, TypeError, OverflowError):
        return None

"""Keys and passwords out of whatever is shown, logged or kept: one redactor, at every sink."""

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

KEY = "[key]"
_SHORTEST = 6  # characters; what is shorter stands in ordinary words too
_SHORTEST_CORE = 8  # characters of base64 that don't hang on what stands beside the secret
_SHORTEST_VALUE = 8  # characters of a value in a query


class Redactor:
    """Called with a text, returns it with `[key]` in the place of every secret it knows."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """One more secret: it goes as it is, percent-encoded, escaped as in JSON or Python, and in base64."""
        secret = secret.strip()
        if len(secret) < _SHORTEST:
            return
        forms = set(_forms(secret)) - self._forms
        if forms:
            self._forms |= forms
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def add_url(self, url: str) -> None:
        """What is secret in an address: the password, a name without one, the values of the query."""
        try:
            parts = urlsplit(url)
            query = parse_qsl(parts.query)
        except ValueError:
            return
        # Not of the network location alone: a password with a slash in it does not lie there.
        user, colon, password = url.partition("?")[0].partition("://")[2].rpartition("@")[0].partition(":")
        self.add(password if colon else user)
        for _, value in query:
            if len(value) >= _SHORTEST_VALUE:
                self.add(value)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        return self._pattern.sub(KEY, text) if self._pattern is not None else text


def _forms(secret: str) -> Iterable[str]:
    yield secret
    for percent in (quote, quote_plus):
        encoded = percent(secret, safe="", errors="surrogatepass")
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    yield ascii(secret)[1:-1]
    body = secret.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # bytes: where the secret begins within a group of three
            text = encode(bytes(before) + body).decode()
            core = text[-(-8 * before // 6) : 8 * (before + len(body)) // 6]
            if len(core) >= _SHORTEST_CORE:
                yield core

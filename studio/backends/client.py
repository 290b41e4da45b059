"""The HTTP client of one endpoint."""

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECT = 10.0  # seconds


def open_client(address: str, key: str | None, headers: Mapping[str, str], *, write: float) -> "AsyncOpenAI":
    """The client for an address, with no retries of its own and no timeout on reading: `receive.Patience` has both.

    Args:
        write: seconds that sending a request may take.
    """
    import httpx2
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    timeout = httpx2.Timeout(None, connect=CONNECT, write=write, pool=CONNECT)
    return AsyncOpenAI(
        api_key=key or "none",  # sent even where none is needed: the client insists on one
        base_url=address,
        max_retries=0,
        timeout=timeout,
        default_headers=headers,
        # A proxy of the environment can't reach this machine's own servers.
        http_client=DefaultAsyncHttpxClient(timeout=timeout, trust_env=not is_loopback(address)),
    )


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

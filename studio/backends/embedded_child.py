"""The child process of the embedded model: llama.cpp's server on a loopback port, closed to everyone but its parent.

Run as a file, on its own: it imports nothing of ours. The settings come as one line of JSON on stdin (a key on the
command line or in the environment could be read by others); one line of JSON on stdout says the port or the error. The
process ends when stdin does, which is when the parent is gone, however it went.
"""

import ctypes
import json
import os
import re
import signal
import sys
import tempfile
import threading
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_ERRORS_ONLY = 1
_NO_ORIGIN = "https://studio.invalid"  # no page can come from there (RFC 2606)


def main() -> None:
    """Serve until the parent is gone."""
    settings = json.loads(sys.stdin.readline())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != settings["parent"]:
            os._exit(0)  # it was gone before we could ask to be told
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answers = os.fdopen(os.dup(1), "w")
    # The library writes to the terminal, and there is a screen on it. While it loads, what it says may be of use.
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            server = _serve(settings)
            answer: dict[str, Any] = {"port": int(server.listening_address.rpartition(":")[2])}
        except (ImportError, RuntimeError, OSError, ValueError) as error:
            answer = {"error": _reason(log) or str(error)}
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
    print(json.dumps(answer), file=answers, flush=True)
    if "error" in answer:
        os._exit(1)  # an orderly exit would trip over the thread that is still reading
    threading.Event().wait()


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


def _serve(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    # Its defaults are open: no key, any origin, a web page.
    params.api_keys = [settings["key"]]
    params.cors_origins = _NO_ORIGIN
    params.cors_origins_explicit = True
    params.cors_credentials = False
    params.ui = False
    params.endpoint_slots = False
    params.offline = True
    params.verbosity = _ERRORS_ONLY
    params.n_ctx = settings["context"]
    params.n_parallel = 1
    params.cache_ram_mib = 0  # by default it keeps up to 8 GB of earlier prompts
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.warmup = False
    return xllamacpp.Server(params)


def _reason(log: IO[bytes]) -> str:
    """Why a model was not loaded, in the library's words; "" when it said nothing that can be read."""
    log.seek(0)
    said = log.read().decode("utf-8", "replace")
    if re.search(r"failed to (create.context|allocate)", said):
        return "there is not enough memory for it with this window; try a smaller --context"
    match = re.search(r"error loading model: (?!.*failed to load model)(.+)", said)
    match = match or re.search(r" E gguf_\w+: (.+)", said)
    return match[1].strip()[:200] if match else ""


if __name__ == "__main__":
    main()

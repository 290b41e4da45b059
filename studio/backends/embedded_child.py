"""The child process of the embedded model: llama.cpp's server on a loopback port, closed to everyone but its parent.

Run as `python -m studio.backends.embedded_child`. The settings come as one line of JSON on stdin (a key on the command
line or in the environment could be read by others); one line of JSON on stdout says the port or the error. The process
ends when stdin does, which is when the parent is gone, however it went.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from typing import Any

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until the parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    settings = json.loads(sys.stdin.readline())
    if os.getppid() != settings["parent"]:
        os._exit(0)  # it was gone before we could ask to be told
    answers = os.fdopen(os.dup(1), "w")
    # The library writes its log to the terminal; there is a screen on it.
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        server = _serve(settings)
        answer: dict[str, Any] = {"port": int(server.listening_address.rpartition(":")[2])}
    except Exception as error:  # noqa: BLE001 - the parent hears of it; a child has nobody else to tell
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)  # noqa: T201 - the answer to the parent
    threading.Event().wait()


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


def _serve(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["key"]]
    params.cors_origins = "http://127.0.0.1"
    params.cors_origins_explicit = True
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 0
    params.n_ctx = settings["context"]
    params.n_parallel = 1
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.warmup = False
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()

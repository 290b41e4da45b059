"""What an author can get wrong: one clear sentence each, the right exit code, nothing lost, no traceback, no key."""

import json
import os
import sqlite3
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from scripted_book import BOOK, FILES
from studio_command import Model, StudioCommand, events_of, served_by

KEY = "sk-canary-4242424242"


def one_sentence(output: str) -> str:
    """What was said on stderr: one line of `studio: …`, without a traceback."""
    said = [line for line in output.splitlines() if line.startswith("studio: ") and "goes on headless" not in line]
    assert len(said) == 1, output
    assert "Traceback" not in output
    assert said[0].endswith(".")
    return said[0].removeprefix("studio: ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["new", "  "], 2, "prompt is empty"),
        (["resume", "nowhere"], 2, "no book “nowhere”"),
        (["resume", "nowhere", "--headless"], 2, "studio list"),
        (["new", "x", "--backend", "nope"], 2, "moonshot"),
        (["new", "x", "--theme", "nope", "--headless"], 2, "ink"),
        (["new", "x", "--backend", "moonshot"], 2, "MOONSHOT_API_KEY"),
        (["new", "x", "--backend", "openai"], 2, "--base-url"),
        (["new", "x", "--backend", "openai", "--base-url", "ftp://x"], 2, "--base-url"),
        (["new", "x", "--max-steps", "none"], 2, "--max-steps"),
        (["new", "x", "--budget", "-1"], 2, "--budget"),
        (["new", "x", "--name", "../x"], 2, "--name"),
        (["resume", "x", "--from-summary", "last"], 2, "--from-summary"),
        (["new", "x", "--model", "missing.gguf", "--headless"], 1, "--model"),
        (["frobnicate"], 2, "--help"),
        (["list", "--config", "none.yaml"], 2, "none.yaml"),
        ([], 2, "no terminal"),
    ],
)
def test_each_mistake_gets_one_sentence(studio: StudioCommand, arguments: list[str], code: int, words: str) -> None:
    done = studio.run(*arguments)
    assert done.returncode == code, done.stderr
    said = [line for line in done.stderr.splitlines() if "embedded model, a small one" not in line]
    assert words in one_sentence("\n".join(said))


@pytest.mark.parametrize("arguments", [["new", "x", "--key", KEY], [f"--key={KEY}", "list"], [KEY]])
def test_a_key_among_the_arguments_is_not_repeated(studio: StudioCommand, arguments: list[str]) -> None:
    done = studio.run(*arguments, env={"OPENAI_API_KEY": KEY})
    assert done.returncode == 2 and "--help" in one_sentence(done.stderr)
    assert KEY not in done.stdout + done.stderr


def test_no_name_and_no_title_passes_for_another_row(studio: StudioCommand) -> None:
    root = studio.projects / "tide\n✓ all is paid\x1b[2J"
    root.mkdir(parents=True)
    (root / "book.yaml").write_text('title: "Ebb\\n999,999 words\\e[2J"\n')
    done = studio.run("list")
    assert len(done.stdout.splitlines()) == 1 and "Ebb␊999,999 words␛[2J" in done.stdout
    assert "tide␊✓ all is paid␛[2J" in done.stdout
    missing = studio.run("resume", "qqq\nstudio: zzz.", "--headless")
    assert "qqq␊studio: zzz." in one_sentence(missing.stderr)


def test_a_file_of_gigabytes_does_not_hide_the_other_books(studio: StudioCommand) -> None:
    for name in ("large", "salt"):
        (studio.projects / name).mkdir(parents=True)
        (studio.projects / name / "b.md").write_text("Two words.")
    with (studio.projects / "large/a.md").open("wb") as file:
        file.truncate(2**40)
    done = studio.run("list")
    assert done.returncode == 0 and done.stdout.count("2 words") == 2


def test_a_refused_start_leaves_no_book_behind(studio: StudioCommand) -> None:
    for arguments in (["--backend", "nope"], ["--backend", "moonshot"], ["--theme", "nope"]):
        studio.run("new", "x", "--headless", *arguments)
    assert not studio.projects.exists()


def test_a_setting_that_is_none_is_named_with_its_line(studio: StudioCommand) -> None:
    config = studio.home / "c.yaml"
    config.write_text("backend: openai\n\ntheem: ink\n")
    done = studio.run("list", "--config", str(config))
    assert (done.returncode, "line 3: `theem`" in one_sentence(done.stderr)) == (2, True)
    config.write_text("backend: [\n")
    assert "line" in one_sentence(studio.run("list", "--config", str(config)).stderr)
    config.write_text("max_steps: many\n")
    assert "line 1: `max_steps`" in one_sentence(studio.run("list", "--config", str(config)).stderr)
    config.write_text("compress_at: 2\n")
    assert "line 1: `compress_at`" in one_sentence(studio.run("list", "--config", str(config)).stderr)
    done = studio.run("list", env={"STUDIO_COMPRESS_AT": "all"})
    assert "STUDIO_COMPRESS_AT" in done.stderr and "share of the window" in one_sentence(done.stderr)


def test_a_broken_book_yaml_is_named_with_its_line_and_the_chapters_stay(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK)
    studio.run("new", "x", "--name", "b", "--headless", *served_by(model), "--max-steps", "5")
    before = studio.files("b")
    settings = studio.projects / "b" / "book.yaml"
    settings.write_text("title: x\nauthr: me\n")
    done = studio.run("resume", "b", "--headless")
    assert (done.returncode, "line 2: `authr`" in one_sentence(done.stderr)) == (2, True)
    assert studio.files("b") == before


def test_a_projects_folder_that_is_a_file_or_not_writable(studio: StudioCommand) -> None:
    (studio.home / "file").write_text("")
    assert "file" in one_sentence(studio.run("new", "x", "--projects", "file", "--headless").stderr)
    done = studio.run("new", "x", "--projects", "/proc/none", "--headless")
    assert (done.returncode, "--projects" in one_sentence(done.stderr)) == (1, True)


def test_a_book_folder_that_is_a_file(studio: StudioCommand) -> None:
    studio.projects.mkdir()
    (studio.projects / "b").write_text("")
    done = studio.run("resume", "b", "--headless")
    assert (done.returncode, "is a file" in one_sentence(done.stderr)) == (2, True)


def test_a_corrupt_record_is_kept_aside_and_the_book_goes_on(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK)
    studio.run("new", "x", "--name", "b", "--headless", *served_by(model), "--max-steps", "6")
    record = studio.projects / "b" / ".studio" / "journal.db"
    sqlite3.connect(record).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    body = bytearray(record.read_bytes())
    body[len(body) // 2 : len(body) // 2 + 6000] = os.urandom(6000)
    record.write_bytes(body)
    before = studio.files("b")
    done = studio.run("resume", "b", "--headless", "--json")
    assert done.returncode in (0, 3), done.stderr
    assert "kept as" in done.stderr
    assert [path.name for path in record.parent.glob("*corrupt*.db")]
    after = studio.files("b")
    assert {name: after[name] for name in ("outline.md", "bible/people.md")} == {
        name: before[name] for name in ("outline.md", "bible/people.md")
    }


# --- servers that are none ----------------------------------------------------------------------------------------


def answering(status: int, kind: str, body: bytes) -> HTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize(
    ("status", "kind", "body", "words"),
    [
        (401, "application/json", {"error": {"message": f"Incorrect API key provided: {KEY}"}}, "key"),
        (404, "application/json", {"error": {"message": "The model `m` does not exist"}}, "--model"),
        (404, "text/html", b"<html>no</html>", "404"),
        (200, "text/html", b"<html>Welcome</html>", "OpenAI-compatible"),
        (200, "application/json", b"{not json", "{not json"),
        (200, "text/plain", b"hello there", "127.0.0.1"),
        (402, "application/json", {"error": {"message": "Insufficient balance"}}, "balance"),
        (400, "application/json", {"error": {"message": "unknown field"}}, "unknown field"),
    ],
)
def test_a_server_that_is_none_is_told_in_one_sentence(
    studio: StudioCommand, status: int, kind: str, body: bytes | dict[str, object], words: str
) -> None:
    server = answering(status, kind, body if isinstance(body, bytes) else json.dumps(body).encode())
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        flags = ["--backend", "openai", "--base-url", url, "--model", "m"]
        done = studio.run("new", "x", "--name", "b", "--headless", "--json", *flags, env={"OPENAI_API_KEY": KEY})
    finally:
        server.shutdown()
    assert done.returncode == 1, done.stderr
    assert words in one_sentence(done.stderr)
    last = events_of(done.stdout)[-1]
    assert last["event"] == "run_failed"
    everything = (
        done.stdout
        + done.stderr
        + "".join(path.read_bytes().decode("utf-8", "replace") for path in studio.home.rglob("*") if path.is_file())
    )
    assert KEY not in everything


def test_an_unreachable_server_is_tried_again_then_told(studio: StudioCommand) -> None:
    flags = ["--backend", "openai", "--base-url", "http://127.0.0.1:9/v1", "--model", "m"]
    done = studio.run("new", "x", "--name", "b", "--headless", "--json", *flags)
    assert done.returncode == 1
    assert "can't be reached" in one_sentence(done.stderr)
    waits = [event["retry_in"] for event in events_of(done.stdout) if event["event"] == "backend_fault"]
    assert waits[-1] is None and len(waits) == 5
    assert all(0.7 * wait < about < 1.3 * wait for wait, about in zip((1, 2, 4, 8), waits, strict=False))


def test_a_second_studio_is_told_who_writes_the_book(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK, pause=0.02)
    first = studio.start("new", "x", "--name", "b", "--headless", "--json", *served_by(model))
    assert first.stdout is not None
    first.stdout.readline()
    second = studio.run("resume", "b", "--headless", *served_by(model))
    first.kill()
    first.communicate()
    assert second.returncode == 1
    assert f"process {first.pid}" in one_sentence(second.stderr)


def test_a_summary_that_was_never_kept_is_told_and_one_that_was_is_gone_on_from(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK)
    served = [*served_by(model), "--headless"]
    often = {"env": {"STUDIO_SUMMARY_EVERY": "2"}}
    assert studio.run("new", "x", "--name", "b", *served, "--max-steps", "3", **often).returncode == 3
    refused = studio.run("resume", "b", *served, "--from-summary", "50")
    assert (refused.returncode, one_sentence(refused.stderr)) == (
        2,
        "The book has no summary after step 50. There are those after the steps 2; leave --from-summary out to go on "
        "as it is.",
    )
    asked = len(model.requests)
    studio.run("resume", "b", *served, "--from-summary", "--max-steps", "4")
    assert "made after step 2" in model.requests[asked]["messages"][2]["content"]


def test_a_reader_that_goes_away_stops_the_run_resumably(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK, pause=0.002)
    first = studio.start("new", "x", "--name", "b", "--headless", *served_by(model))
    assert first.stdout is not None and first.stderr is not None
    first.stdout.readline()
    first.stdout.close()
    assert first.wait(30) == 3
    assert first.stderr.read() == ""
    assert studio.run("resume", "b", "--headless").returncode == 0
    assert studio.files("b") == FILES


def test_the_log_of_a_failure_holds_no_key(studio: StudioCommand, tmp_path: Path) -> None:
    done = studio.run("backends", env={"MOONSHOT_API_KEY": KEY, "OPENAI_API_KEY": KEY})
    assert done.returncode == 0
    assert KEY not in done.stdout + done.stderr
    assert "✓ moonshot" in done.stdout

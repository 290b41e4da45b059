"""A book that comes from another machine: where it was written last is no place to send a key to unasked."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_book import BOOK, FILES
from studio_command import Model, StudioCommand

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def elsewhere(tmp_path: Path) -> StudioCommand:
    """Another machine, whose author has a key."""
    command = StudioCommand(tmp_path / "elsewhere")
    command.environment["OPENAI_API_KEY"] = KEY
    return command


def test_a_key_goes_to_no_address_that_only_a_record_names(
    play: Callable[..., Model], studio: StudioCommand, elsewhere: StudioCommand
) -> None:
    model = play(BOOK)
    url = model.url.replace("127.0.0.1", "0.0.0.0")  # reached in the same way, and not this machine's by its name
    there = ["--backend", "openai", "--base-url", url, "--model", "scripted"]
    assert studio.run("new", "Salt", "--name", "salt", "--headless", "--max-steps", "1", *there).returncode == 3
    shutil.copytree(studio.projects, elsewhere.projects)
    made = len(model.requests)
    refused = elsewhere.run("resume", "salt", "--headless")
    assert (refused.returncode, len(model.requests)) == (2, made)
    assert f"salt was last written at {url}, which was never given on this machine" in refused.stderr
    assert f"--backend openai --base-url {url}" in refused.stderr
    # Said once, it is known; and where the book was begun it always was.
    assert elsewhere.run("resume", "salt", "--headless", "--max-steps", "2", *there).returncode == 3
    for machine in (elsewhere, studio):
        assert machine.run("resume", "salt", "--headless").returncode == 0
        assert machine.files("salt") == FILES


def test_a_model_file_that_only_a_record_names_is_not_loaded(studio: StudioCommand, elsewhere: StudioCommand) -> None:
    file = studio.home / "made.gguf"
    file.write_bytes(b"GGUF")
    studio.run("new", "Salt", "--name", "salt", "--headless", "--model", str(file))
    shutil.copytree(studio.projects, elsewhere.projects)
    refused = elsewhere.run("resume", "salt", "--headless")
    assert refused.returncode == 2
    assert f"was last written at {file}" in refused.stderr and f"--model {file}" in refused.stderr
    assert "never given" not in studio.run("resume", "salt", "--headless").stderr


def test_a_file_of_settings_that_lies_about_sends_no_key_of_the_environment(
    play: Callable[..., Model], elsewhere: StudioCommand
) -> None:
    model = play(BOOK)
    url = model.url.replace("127.0.0.1", "0.0.0.0")
    settings = f"STUDIO_BACKEND=openai\nSTUDIO_MODEL=scripted\nSTUDIO_BASE_URL={url}\n"
    (elsewhere.home / ".env").write_text(settings)
    for _ in range(2):
        refused = elsewhere.run("new", "Salt", "--headless")
        assert refused.returncode == 2
        assert f"would have OPENAI_API_KEY of your environment sent to {url}" in refused.stderr
        assert "would have OPENAI_API_KEY" in elsewhere.run("backends", "--check").stdout
    assert model.requests == []
    del elsewhere.environment["OPENAI_API_KEY"]
    (elsewhere.home / ".env").write_text(settings + f"OPENAI_API_KEY={KEY}\n")  # its own key may go there
    assert elsewhere.run("new", "Salt", "--headless", "--max-steps", "1").returncode == 3

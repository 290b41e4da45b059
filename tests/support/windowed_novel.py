"""A novel of many steps in a window that fills again and again, and the server that counts every request."""

import json
import random
from typing import Any

from loopback import Answer, Request, Wire
from played_book import FINISH, calls, writes

from studio.agent.memory.summary import is_request

_TEXT = """
the salt wind came over a quiet harbour and nobody at the long table had seen her brother since winter while
lanterns burned behind every window of that house until morning when boats returned with empty nets again
"""
_WORDS = _TEXT.split()


def prose(seed: int, words: int) -> str:
    """Sentences of ordinary words, never the same twice."""
    chance = random.Random(seed)
    sentences = []
    while words > 0:
        count = min(words, chance.randint(8, 22))
        sentences.append(" ".join(chance.choice(_WORDS) for _ in range(count)).capitalize() + f" {seed}.")
        words -= count
    return " ".join(sentences)


def chapter(number: int, words: int) -> str:
    """A chapter as the model writes it, in paragraphs."""
    paragraphs = [prose(100 * number + part, 120) for part in range(max(1, words // 120))]
    return f"# Chapter {number}\n\n" + "\n\n".join(paragraphs) + "\n"


def outline(chapters: int) -> str:
    """The plan, a line a chapter."""
    lines = [f"{number}. Part {number}: {prose(9000 + number, 14)}" for number in range(1, chapters + 1)]
    return "# The Harbour\n\n" + "\n".join(lines) + "\n"


class Novelist:
    """Plays the plan step by step, whatever it is sent; refuses and remembers what is over its window."""

    def __init__(self, window: int, chapters: int, words: int, reads: int) -> None:
        """`reads`: how often each chapter is read again after it was written."""
        self.window = window
        self.too_long: list[int] = []  # tokens of requests that were refused
        self.largest = 0
        self.summaries: list[dict[str, Any]] = []  # bodies of requests for a summary
        self.bodies: list[dict[str, Any]] = []  # of all others
        self.answer_summary = self.summary
        self.plan: list[Answer] = [
            calls("create_project", "title", project_name="The Harbour"),
            writes(outline(chapters), "outline.md", id="outline"),
            writes("# People\n\nMara, 31, a pilot.\nLuis, 12, her brother.\n", "bible/people.md", id="bible"),
        ]
        for number in range(1, chapters + 1):
            file = f"chapter_{number:02}.md"
            self.plan.append(_writes(chapter(number, words), file, f"w{number}"))
            self.plan += [calls("read_file", f"r{number}:{time}", filename=file) for time in range(reads)]
        self._done = 0

    def tokens(self, body: dict[str, Any]) -> int:
        """What this server makes of a request: its vocabulary is not ours."""
        characters = 0
        for message in body["messages"]:
            characters += len(message.get("content") or "") + len(message.get("reasoning_content") or "")
            for call in message.get("tool_calls", []):
                characters += len(call["function"]["name"]) + len(call["function"]["arguments"])
        return round(characters / 4.1 + 5 * len(body["messages"]) + len(json.dumps(body.get("tools", []))) / 5)

    def __call__(self, request: Request) -> Answer:
        body = request.body
        tokens = self.tokens(body)
        if tokens > self.window:
            self.too_long.append(tokens)
            return Wire.error(400, f"This model's maximum context length is {self.window} tokens.")
        self.largest = max(self.largest, tokens)
        if is_request(body["messages"][-1]["content"]):
            self.summaries.append(body)
            return self.answer_summary(body)
        self.bodies.append(body)
        answer = self.plan[self._done] if self._done < len(self.plan) else FINISH
        self._done += 1
        usage = {"prompt_tokens": tokens, "completion_tokens": 100}
        return Answer([*answer.pieces[:-1], Wire.data({"choices": [], "usage": usage}), Wire.DONE])

    def summary(self, body: dict[str, Any]) -> Answer:
        """One that can be used."""
        return Wire.reply(f"## Plot so far\nSummary {len(self.summaries)}: Mara waits for her brother.\n")


def _writes(content: str, filename: str, id: str) -> Answer:
    raw = json.dumps({"filename": filename, "content": content, "mode": "create"})
    return Answer([Wire.call(raw, name="write_file", id=id), Wire.delta("tool_calls"), Wire.DONE])

"""A long book for tests that interrupt it: every sentence is unique, so that one written twice or lost is seen."""

import random
from typing import Any

from scripted_book import call

CHAPTERS = 12


def _sentences(chapter: int, piece: str, count: int) -> str:
    if chapter % 3:
        return " ".join(f"Mara counted wave {number} of {piece} in chapter {chapter}." for number in range(count))
    return "".join(f"第{chapter}章{piece}的第{number}道浪来了。" for number in range(count))


def long_book(seed: int, chapters: int = CHAPTERS) -> list[dict[str, Any]]:
    """The replies of a book: creates, appends, edits, overwrites, reads; about eight steps a chapter."""
    chance = random.Random(seed)
    steps: list[dict[str, Any]] = [
        {"reasoning_content": "A title.", "calls": [call("t", "create_project", project_name="The Long Salt Road")]},
        {"calls": [call("o", "write_file", filename="outline.md", content="# Outline\n\n1. Waves\n", mode="create")]},
    ]
    for chapter in range(1, chapters + 1):
        file = f"chapter_{chapter:02}.md"
        first = f"# Chapter {chapter}\n\n{_sentences(chapter, 'the first part', 12)}\n"
        texts = [f"\n{_sentences(chapter, f'part {number}', chance.randint(4, 20))}\n" for number in range(3)]
        again = first.replace("wave 3 of", "wave three of").replace("第3道", "第三道")
        whole = again + "".join(texts) + f"\n{_sentences(chapter, 'the last part', 6)}\n"
        steps += [
            {
                "reasoning_content": f"Chapter {chapter}, slowly." * 5,
                "calls": [call(f"{chapter}:create", "write_file", filename=file, content=first, mode="create")],
            },
            *(
                {"calls": [call(f"{chapter}:{n}", "write_file", filename=file, content=text, mode="append")]}
                for n, text in enumerate(texts)
            ),
            {
                "calls": [
                    call(f"{chapter}:read", "read_file", filename=file),
                    call(f"{chapter}:list", "list_files"),
                    call(f"{chapter}:bible", "write_file", filename=f"bible/part_{chapter}.md", content=first[:80]),
                ]
            },
            {
                "calls": [
                    call(f"{chapter}:edit", "edit_file", filename=file, old_text="wave 5 of", new_text="wave five of"),
                    call(f"{chapter}:search", "search_files", query="wave 7"),
                ]
            },
            {"calls": [call(f"{chapter}:whole", "write_file", filename=file, content=whole, mode="overwrite")]},
        ]
    steps.append({"calls": [call("end", "finish", summary="The waves are counted.")]})
    return steps


def call_ids(script: list[dict[str, Any]]) -> list[str]:
    """Every call of a script, in order."""
    return [one["id"] for step in script for one in step.get("calls", [])]

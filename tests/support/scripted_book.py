"""A book of twelve steps: what the model says, and the files it must become."""

from typing import Any


def call(id: str, name: str, **arguments: str) -> dict[str, Any]:
    return {"id": id, "name": name, "arguments": arguments}


def paragraph(subject: str, count: int) -> str:
    return " ".join(f"{subject} counted wave {number} and said “nothing — yet”." for number in range(count))


ONE = f"# The Harbour\n\n{paragraph('Mara', 40)}\n\nThe lamp was lit. The door stood open.\n"
TWO = f"# The Crossing\n\n{paragraph('The boat', 40)}\n"
THREE = f"# Landfall\n\n{paragraph('Élodie 島 🌊', 30)}\n"
MORE = '\nAnd then, at last,\tthe shore: C:\\sea "quoted" \u2028 end.\n'
ONE_AGAIN = ONE.replace("The door stood open.", "The door stood wide open.")

BOOK: list[dict[str, Any]] = [
    {"reasoning_content": "A title first.", "calls": [call("c:0", "create_project", project_name="The Salt Road")]},
    {
        "reasoning_content": "Then the plan.",
        "content": "Here is the outline.",
        "calls": [
            call("c:1", "write_file", filename="outline.md", content="# Outline\n\n1. The Harbour\n", mode="create")
        ],
    },
    {"calls": [call("c:2", "write_file", filename="bible/people", content="Mara, 31.\n", mode="create")]},
    {
        "reasoning_content": "Chapter one.",
        "calls": [call("c:3", "write_file", filename="chapter_01.md", content=ONE, mode="create")],
    },
    {
        "reasoning_content": "Chapter two, slowly.",
        "calls": [call("c:4", "write_file", filename="chapter_02.md", content=TWO, mode="create")],
    },
    {
        "reasoning_content": "Look back.",
        "calls": [call("c:5", "read_file", filename="outline.md"), call("c:6", "list_files")],
    },
    {"calls": [call("c:7", "write_file", filename="chapter_03.md", content=THREE, mode="create")]},
    {"calls": [call("c:8", "write_file", filename="chapter_03.md", content=MORE, mode="append")]},
    {"calls": [call("c:9", "edit_file", filename="chapter_02.md", old_text="wave 39", new_text="wave forty")]},
    {
        "calls": [
            call("c:10", "search_files", query="wave forty"),
            call("c:11", "review_chapter", filename="chapter_02"),
        ]
    },
    {"calls": [call("c:12", "write_file", filename="chapter_01.md", content=ONE_AGAIN, mode="overwrite")]},
    {"reasoning_content": "Done.", "calls": [call("c:13", "finish", summary="Three people cross the salt road.")]},
]

FILES = {
    "outline.md": "# Outline\n\n1. The Harbour\n",
    "bible/people.md": "Mara, 31.\n",
    "chapter_01.md": ONE_AGAIN,
    "chapter_02.md": TWO.replace("wave 39", "wave forty"),
    "chapter_03.md": THREE + MORE,
    "notes/reviews/chapter_02-1.md": (
        "# Review of chapter_02.md, round 1\n\nNo score of this review counts.\n\n"
        "## In the reader's words\n\nIt reads well.\n"
    ),
}

"""An author's editor beside a whole novel: `python editor_at_work.py BOOK SEED`.

For each line on stdin it opens a chapter (the latest as often as any other), changes one place, saves in one of the
ways editors do, and prints what it did as a line of JSON.
"""

import hashlib
import json
import random
import sys
from pathlib import Path

from racing_editor import WAYS

from studio.book.merge import sentences

MARK = "The author"  # what the author writes begins with it


def change(text: str, number: int, chance: random.Random) -> tuple[str, str, str, str]:
    """(the new text, what kind of change, the sentence that went, the one that came)."""
    new = f"{MARK} wrote line {number} here, «{chance.randrange(10**6)}», and it stays."
    if number % 2:
        blocks = text.split("\n\n")
        at = chance.randrange(1, len(blocks))
        return "\n\n".join([*blocks[:at], new, *blocks[at:]]), "put in", "", new
    whole = [one.strip() for one in sentences(text)]
    old = chance.choice([one for one in whole if one and not one.startswith(("#", MARK)) and text.count(one) == 1])
    return text.replace(old, new), "changed", old, new


def main(book: Path, seed: int) -> None:
    chance = random.Random(seed)
    for number, _ in enumerate(sys.stdin, 1):
        chapters = sorted(book.glob("chapter_*.md"))
        path = chapters[-1] if chance.random() < 0.5 else chance.choice(chapters)
        text, kind, old, new = change(path.read_bytes().decode(), number, chance)
        save = chance.choice(WAYS)
        save(path, text.encode())
        name = hashlib.sha256(text.encode()).hexdigest()
        print(
            json.dumps({"file": path.name, "kind": kind, "old": old, "new": new, "sha256": name, "way": save.__name__}),
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

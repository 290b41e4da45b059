"""A text as one line, as much of it as is shown."""


def gist(text: str, most: int) -> str:
    """`text` in one line of at most `most` characters, with an ellipsis where something is left out."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"

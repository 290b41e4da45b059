"""The room a record takes on the disk, and how one says it."""

import msgspec


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """The room a record takes on the disk, in bytes."""

    versions: int  # how many there are
    size: int  # of all versions, as they are packed
    record: int  # of the record with them


def in_words(size: float) -> str:
    """Bytes as a reader wants them: "3.1 MB"."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"

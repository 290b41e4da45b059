"""OpenRouter's `reasoning_details`, put together from their pieces to be sent back as they came."""

from typing import Any

_GROWING = ("text", "summary", "data")


class Details:
    """Pieces of one detail share their index and type; a signature may come alone in the last of them."""

    def __init__(self) -> None:
        self._details: list[dict[str, Any]] = []
        self._pieces: list[dict[str, list[str]]] = []  # beside each detail, its growing texts

    def take(self, details: Any) -> None:
        """Merge the pieces of one delta."""
        if not isinstance(details, list):
            return
        for piece in details:
            if isinstance(piece, dict):
                self._merge(piece)

    def _merge(self, piece: dict[str, Any]) -> None:
        number = self._find(piece)
        if number is None:
            number = len(self._details)
            self._details.append({})
            self._pieces.append({})
        detail, growing = self._details[number], self._pieces[number]
        for key, value in piece.items():
            if key in _GROWING and isinstance(value, str):
                detail.setdefault(key, "")  # keeps the order of the keys as they came
                growing.setdefault(key, []).append(value)
            elif value is not None or key not in detail:
                detail[key] = value

    def _find(self, piece: dict[str, Any]) -> int | None:
        index, kind = piece.get("index"), piece.get("type")
        for number in reversed(range(len(self._details))):
            known = self._details[number]
            if kind is not None and known.get("type") != kind:
                continue
            if known.get("index") == index:
                return number if index is not None or number == len(self._details) - 1 else None
        return None

    def merged(self) -> list[dict[str, Any]] | None:
        """The details, or None when there are none."""
        if not self._details:
            return None
        whole = zip(self._details, self._pieces, strict=True)
        return [{**detail, **{key: "".join(texts) for key, texts in growing.items()}} for detail, growing in whole]

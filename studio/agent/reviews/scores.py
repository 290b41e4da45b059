"""The scores of a review as figures and in words. Pure, and light: the screen takes them from here."""

from collections.abc import Mapping

from studio.events import ChapterReviewed

_WEAKEST = 2  # criteria that are named


def mean(scores: Mapping[str, float]) -> float | None:
    """The mean score; None when none counts."""
    return sum(scores.values()) / len(scores) if scores else None


def told_review(event: ChapterReviewed) -> str:
    """`chapter_03.md reviewed, round 2: 7.4 (voice 4, stakes 5.5 …), notes/reviews/chapter_03-2.md`, for the author."""
    average = mean(event.scores)
    if average is None:
        said = "no score counts"
    else:
        weakest = sorted(event.scores.items(), key=lambda item: item[1])[:_WEAKEST]
        more = " …" if len(event.scores) > len(weakest) else ""
        said = f"{average:.1f} ({', '.join(f'{name} {score:g}' for name, score in weakest)}{more})"
    return f"{event.file} reviewed, round {event.round}: {said}, {event.report}"

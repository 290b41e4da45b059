"""Names of files that lie in a book's folder and are none of its own: what editors and sync programs leave there."""

import re

_LEAVING = re.compile(
    r"\.|~\$|4913$|#.*#$|.*~$|.*\.(?:tmp|bak|swp|swo|swx|orig|part)$|.*___jb_(?:tmp|old)___", re.IGNORECASE
)
# What a sync program puts between a name and its ending when two machines changed one file.
_COPY = re.compile(
    r"""
    \s*\([^()]*(?:
        \bconflicted[ ]copy\b | \bcase[ ]conflict\b                     # Dropbox, Nextcloud, ownCloud
        | \b(?:selective[ ]sync|unicode[ ]encoding|white[ ]?space)[ ]conflict\b
        | \bcopie[ ]en[ ]conflit\b | \bcopia[ ]en[ ]conflicto\b         # Dropbox in other languages
        | \bkonflikt-?kopie\b | \bin[ ]konflikt[ ]stehende[ ]kopie\b | 冲突副本 | 衝突副本
        | \bsfconflict\b                                                # Seafile
    )(?:[^()]|\(\d+\))*\)
    | [._]sync-conflict-\d{8}-\d{6}(?:-[A-Z2-7]{7})?                    # Syncthing
    | _conflict-\d{8}-\d{6}                                             # ownCloud before 2.5
    | _conf\(\d{4}-\d\d-\d\d[-\d]*\)                                    # pCloud
    | \s*\[conflicted(?:\s*\(?\d+\)?)?\]
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_leaving(name: str) -> bool:
    """Whether a file's name is that of an editor's swap, lock, probe or backup file."""
    return _LEAVING.match(name) is not None


def is_utf8(name: str) -> bool:
    """Whether the system's bytes of a file's name are UTF-8: no event can tell of a file whose name is not."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def copied_from(name: str) -> str:
    """The name of the file or folder that a sync program left this one as a second version of; "" if it is none.

    Args:
        name: one part of a path, such as `chapter_01 (Ann's conflicted copy 2026-11-24).md`.
    """
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem.strip() or not ending.isalnum():  # a folder has no ending
        stem, ending = name, ""
    end = len(stem)
    while marks := [mark for mark in _COPY.finditer(stem, 0, end) if mark.end() == end]:
        end = marks[0].start()  # a copy of a copy bears two marks
    return stem[:end] + (f".{ending}" if ending else "") if 0 < end < len(stem) else ""

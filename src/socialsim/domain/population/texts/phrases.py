"""The parts of a language's texts, and how they are combined."""

from typing import NamedTuple


class Phrases(NamedTuple):
    """Parts of one language's texts, chosen so that any opening fits any subject and any ending.

    A caption is ``opening + gap + subject + ending``; a comment is ``remark + remark_ending``.
    Endings include their own space or comma. No part reveals the writer's gender or says whether it
    is about a picture or a video.
    """

    openings: tuple[str, ...]
    subjects: tuple[str, ...]
    endings: tuple[str, ...]
    remarks: tuple[str, ...]
    remark_endings: tuple[str, ...]
    gap: str = " "


def captions(phrases: Phrases) -> tuple[str, ...]:
    """All combinations of a caption's parts, each once, at most 200 characters long."""
    return tuple(
        f"{opening}{phrases.gap}{subject}{ending}"
        for opening in phrases.openings
        for subject in phrases.subjects
        for ending in phrases.endings
    )


def remarks(phrases: Phrases) -> tuple[str, ...]:
    """All combinations of a comment's parts, each once, at most 200 characters long."""
    return tuple(f"{remark}{ending}" for remark in phrases.remarks for ending in phrases.remark_endings)

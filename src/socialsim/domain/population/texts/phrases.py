"""What a language's texts are made of, and how the parts are combined."""

from typing import NamedTuple


class Phrases(NamedTuple):
    """Parts of what people write in one language, chosen so that any opening fits any subject and any ending.

    A caption is ``opening + gap + subject + ending``; what is written under it is ``remark + remark_ending``. Endings
    bring their own space or comma. No part tells the writer's gender, and none says whether a picture or a video is
    meant.
    """

    openings: tuple[str, ...]
    subjects: tuple[str, ...]
    endings: tuple[str, ...]
    remarks: tuple[str, ...]
    remark_endings: tuple[str, ...]
    gap: str = " "


def captions(phrases: Phrases) -> tuple[str, ...]:
    """Every caption that the phrases allow, each once, at most 200 characters long."""
    return tuple(
        f"{opening}{phrases.gap}{subject}{ending}"
        for opening in phrases.openings
        for subject in phrases.subjects
        for ending in phrases.endings
    )


def remarks(phrases: Phrases) -> tuple[str, ...]:
    """Every comment that the phrases allow, each once, at most 200 characters long."""
    return tuple(f"{remark}{ending}" for remark in phrases.remarks for ending in phrases.remark_endings)

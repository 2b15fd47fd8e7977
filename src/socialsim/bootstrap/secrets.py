"""Reads secrets and paths from the settings for drivers."""

from pathlib import Path

from socialsim.settings import Settings


def password(settings: Settings, name: str) -> str | None:
    """The secret ``SOCIALSIM_<name>``, revealed; None if it is not set."""
    secret = settings.secret(name)
    return None if secret is None else secret.reveal()


def path(settings: Settings, name: str) -> Path | None:
    """The path ``SOCIALSIM_<name>``; None if it is not set."""
    text = settings.text(name)
    return None if text is None else Path(text)

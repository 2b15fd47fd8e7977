"""Settings and secrets from the environment: ``SOCIALSIM_*`` variables and the file ``.env``.

A variable of the process takes precedence over the file. A secret comes from ``SOCIALSIM_<NAME>``
or, as in containers, from the file that ``SOCIALSIM_<NAME>_FILE`` names. There are no options for
secrets, because ``ps`` shows options.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from socialsim.errors import InputError

PREFIX: Final = "SOCIALSIM_"
_SECRET_SUFFIXES: Final = ("_PASSWORD", "_TOKEN")


class Secret:
    """A text that neither ``str`` nor ``repr`` nor the values of a traceback reveal."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret('***')"

    def reveal(self) -> str:
        """The text, only for the driver that needs it."""
        return self._text


class Settings:
    """The environment, read once. ``texts`` are the variables' values by full name."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __repr__(self) -> str:
        return f"<Settings {', '.join(sorted(self._texts))}>"

    def text(self, name: str) -> str | None:
        """The variable ``SOCIALSIM_<name>``; None if it is unset or empty."""
        return self._texts.get(PREFIX + name) or None

    def secret(self, name: str) -> Secret | None:
        """The secret ``name``. Raises InputError if its file cannot be read or it is set twice."""
        text, path = self.text(name), self.text(f"{name}_FILE")
        if text is not None and path is not None:
            raise InputError(f"{PREFIX}{name} and {PREFIX}{name}_FILE are both set; one of them is allowed")
        if path is None:
            return None if text is None else Secret(text)
        try:
            return Secret(Path(path).read_text(encoding="utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise InputError(f"{PREFIX}{name}_FILE: {path} cannot be read: {reason}") from error


def load_settings(environment: MutableMapping[str, str], dotenv_path: Path) -> Settings:
    """The settings of ``environment`` and ``.env``.

    Variables of ``.env`` other than secrets are also added to ``environment``, where options look
    for them. Raises InputError if ``.env`` exists and cannot be read.
    """
    texts: dict[str, str] = {}
    if dotenv_path.is_file():
        try:
            values = dotenv_values(dotenv_path, interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{dotenv_path}: cannot be read: {error}") from error
        texts = {name: value for name, value in values.items() if name.startswith(PREFIX) and value is not None}
    for name, value in texts.items():
        if not name.endswith(_SECRET_SUFFIXES):
            try:
                environment.setdefault(name, value)
            # A character that the locale lacks, or a NUL.
            except (UnicodeError, ValueError) as error:
                raise InputError(f"{dotenv_path}: {name} cannot be put into the environment: {error}") from error
    return Settings(
        texts | {name: _utf8(name, value) for name, value in environment.items() if name.startswith(PREFIX)}
    )


def is_spelled(text: str) -> bool:
    """Whether ``text`` has no surrogates, which replace bytes that the locale could not decode."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _utf8(name: str, value: str) -> str:
    """A variable's bytes decoded as UTF-8, whatever the locale.

    The InputError does not quote them.
    """
    try:
        return os.fsencode(value).decode()
    except UnicodeError as error:
        raise InputError(f"{name} holds bytes that are not UTF-8") from error

"""Which registry, and how to get in. Nothing here prints a password."""

import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from socialsim.errors import InputError, ServiceUnavailableError
from socialsim.settings import Secret, Settings

REMEDY: Final = "start it, or say by --registry where it is"
_PORTS: Final = {"http": 80, "https": 443}
_EXAMPLE: Final = "http://127.0.0.1:8081"


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """A registry's URL in its parts, checked, with what it is told of us.

    ``path`` has no slash at its end.
    """

    scheme: str
    host: str
    port: int
    path: str
    cafile: Path | None = None  #: of the CA that signed its certificate; None for the system's
    username: str | None = None
    password: Secret | None = None

    @property
    def url(self) -> str:
        """What a person gave, without what goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def tls(self) -> ssl.SSLContext | None:
        """For ``https``: certificates are verified.

        Raises InputError if the CA file is of no use.
        """
        if self.scheme != "https":
            return None
        try:
            return ssl.create_default_context(cafile=self.cafile)
        except OSError as error:  # ssl.SSLError is one
            raise InputError(f"SOCIALSIM_REGISTRY_CAFILE: {self.cafile} holds no certificate: {error}") from error

    def authorization(self) -> str | None:
        """The header's value."""
        if self.username is None or self.password is None:
            return None
        return f"Basic {b64encode(f'{self.username}:{self.password.reveal()}'.encode()).decode()}"

    def unavailable(self, tried_s: float, reason: str) -> ServiceUnavailableError:
        """The error for a registry that does not answer, or not as one."""
        return ServiceUnavailableError(f"the schema registry at {self.url}", tried_s, f"{reason}; {REMEDY}")


def registry_address(url: str, settings: Settings, place: str = "--registry") -> RegistryAddress:
    """The registry at ``url``, which stood at ``place``. Raises InputError for what cannot be one.

    User and password come from SOCIALSIM_REGISTRY_USERNAME and SOCIALSIM_REGISTRY_PASSWORD, the
    CA's certificate from the file SOCIALSIM_REGISTRY_CAFILE.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{place}: {url!r} is no URL ({error}); one is {_EXAMPLE}") from None
    # not shown: it may hold the password
    if parts.username is not None or parts.password is not None:
        raise InputError(
            f"{place}: a URL holds no user and no password, for URLs are shown and logged; "
            "set SOCIALSIM_REGISTRY_USERNAME and SOCIALSIM_REGISTRY_PASSWORD"
        )
    unprintable = any(character.isspace() or not character.isprintable() for character in url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment or unprintable:
        raise InputError(f"{place}: {url!r} is not allowed; a registry is http[s]://HOST[:PORT][/PATH], as {_EXAMPLE}")
    username, password = settings.text("REGISTRY_USERNAME"), settings.secret("REGISTRY_PASSWORD")
    if (username is None) != (password is None):
        raise InputError(
            "SOCIALSIM_REGISTRY_USERNAME and SOCIALSIM_REGISTRY_PASSWORD: one of them is set; both are needed"
        )
    if username is not None and ":" in username:
        raise InputError("SOCIALSIM_REGISTRY_USERNAME holds a colon, which basic authentication does not allow")
    cafile = settings.text("REGISTRY_CAFILE")
    if cafile is not None and not Path(cafile).is_file():
        raise InputError(f"SOCIALSIM_REGISTRY_CAFILE: {cafile} cannot be read")
    if parts.scheme == "http" and cafile is not None:
        raise InputError(
            f"SOCIALSIM_REGISTRY_CAFILE is set, but {place} is {url}, which is not encrypted; https would be"
        )
    return RegistryAddress(
        parts.scheme,
        parts.hostname,
        port if port is not None else _PORTS[parts.scheme],
        parts.path.rstrip("/"),
        Path(cafile) if cafile is not None else None,
        username,
        password,
    )

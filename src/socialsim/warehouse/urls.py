"""Parses warehouse URLs.

Passwords are not allowed in URLs: they would end up in logs and ``ps``.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from socialsim.errors import InputError

MYSQL_PORT_DEFAULT: Final = 3306
TlsMode: TypeAlias = Literal["off", "on"]

_ALLOWED: Final = "allowed are sqlite:PATH, sqlite:///PATH and mysql://USER@HOST[:PORT]/DATABASE[?tls=on&tls_ca=FILE]"
_DATABASE_PATTERN: Final = re.compile(r"[\w$-]{1,64}")


@dataclass(frozen=True, slots=True)
class SqliteTarget:
    """One SQLite file."""

    path: Path

    def __str__(self) -> str:
        return f"sqlite:///{self.path}"


@dataclass(frozen=True, slots=True)
class MysqlTarget:
    """One database on a server that speaks MySQL's protocol."""

    host: str
    port: int
    user: str
    database: str
    #: ``on`` checks the certificate and the host name, and that the session is encrypted
    tls: TlsMode = "off"
    tls_ca: Path | None = None  #: PEM file of the authority to trust instead of the system's

    @property
    def address(self) -> str:
        """``host:port``, for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL with all options, as ``parse_warehouse_url`` accepts it."""
        ca = f"&tls_ca={quote(str(self.tls_ca), safe='/')}" if self.tls_ca else ""
        return f"mysql://{quote(self.user, safe='')}@{self.address}/{self.database}?tls={self.tls}{ca}"

    def __str__(self) -> str:
        return f"mysql://{self.user}@{self.address}/{self.database}"


WarehouseTarget: TypeAlias = SqliteTarget | MysqlTarget


def parse_warehouse_url(url: str) -> WarehouseTarget:
    """Parse a warehouse URL.

    Allowed are ``sqlite:PATH``, ``sqlite:///relative/path``, ``sqlite:////absolute/path`` and
    ``mysql://user@host[:port]/database``.

    Options of a MySQL URL: ``tls`` (``on`` or ``off``, the default) and ``tls_ca`` (a PEM file).
    Raises InputError, which never repeats a password.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite":
        return _sqlite(url, rest)
    if url.startswith("sqlite:"):  # the short form, like file:PATH for event logs
        return _sqlite(url, "/" + url.removeprefix("sqlite:"))
    if separator and scheme == "mysql":
        return _mysql(url)
    shown = re.sub(r"//[^@/]*@", "//...@", url)
    raise InputError(f"warehouse URL {shown!r}: {_ALLOWED}")


def _sqlite(url: str, rest: str) -> SqliteTarget:
    if not rest.startswith("/"):
        raise InputError(f"warehouse URL {url!r}: a path follows three slashes (four for an absolute one)")
    path = rest[1:]
    if not path or path.endswith("/") or "?" in path or "\0" in path or path == ":memory:":
        raise InputError(f"warehouse URL {url!r}: sqlite:/// needs the path of a file and has no options")
    return SqliteTarget(Path(path))


def _mysql(url: str) -> MysqlTarget:
    try:
        parts = urlsplit(url)
        port = parts.port or MYSQL_PORT_DEFAULT
    except ValueError as error:
        # urllib's message may quote the part after a colon, which may be a password.
        raise InputError("warehouse URL mysql://...: host or port is malformed; " + _ALLOWED) from error
    if parts.password is not None:
        raise InputError("warehouse URL mysql://...: a password does not belong in a URL; set SOCIALSIM_MYSQL_PASSWORD")
    try:
        user = unquote(parts.username or "", errors="strict")
        database = unquote(parts.path.removeprefix("/"), errors="strict")
        options = dict(parse_qsl(parts.query, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise InputError(f"warehouse URL {url!r}: a part with % is not UTF-8; {_ALLOWED}") from error
    if not parts.hostname or not user or not _DATABASE_PATTERN.fullmatch(database) or parts.fragment:
        raise InputError(f"warehouse URL {url!r}: {_ALLOWED}")
    tls = options.pop("tls", "off")
    tls_ca = options.pop("tls_ca", None)
    if options:
        raise InputError(f"warehouse URL {url!r}: unknown option {', '.join(sorted(options))}; {_ALLOWED}")
    if tls not in ("off", "on"):
        raise InputError(f"warehouse URL {url!r}: tls is {tls!r}, allowed are on and off")
    if tls_ca is not None and (tls == "off" or not tls_ca):
        raise InputError(f"warehouse URL {url!r}: tls_ca names a PEM file and needs tls=on")
    return MysqlTarget(
        parts.hostname, port, user, database, "on" if tls == "on" else "off", Path(tls_ca) if tls_ca else None
    )

"""The client's side of TLS to MySQL."""

import ssl

from pymysql.constants import CLIENT

from socialsim.errors import InputError
from socialsim.warehouse.urls import MysqlTarget


def client_context(target: MysqlTarget) -> ssl.SSLContext | None:
    """A context that checks certificate and host name; None with ``tls=off``.

    Raises InputError for a bad ``tls_ca``.
    """
    if target.tls == "off":
        return None
    try:
        context = ssl.create_default_context(cafile=str(target.tls_ca) if target.tls_ca else None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{target}: tls_ca {target.tls_ca}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def require_tls(context: ssl.SSLContext | None, server_capabilities: int) -> None:
    """Raises InputError if the server does not support the requested TLS.

    Call it before answering the server.
    """
    if context is not None and not server_capabilities & CLIENT.SSL:
        raise InputError("the MySQL server offers no TLS although tls=on was requested; nothing was sent to it")

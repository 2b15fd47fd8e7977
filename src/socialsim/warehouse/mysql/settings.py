"""Session settings on MySQL and MariaDB, and requirements on the server's own settings.

We do not control a server's defaults. Every session starts with these statements, so the same SQL
has the same meaning whatever the server's sql_mode, character sets, time zone and limits are.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from socialsim.warehouse.base import DEAD_LETTER_BYTES_MAX

SQL_MODE: Final = (
    "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)
#: For every session: character set, time zone, result limits and the engine of new tables.
PIN: Final = (
    f"SET SESSION sql_mode = '{SQL_MODE}'",
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET SESSION time_zone = '+00:00', sql_auto_is_null = 0, div_precision_increment = 4",
    "SET SESSION default_storage_engine = InnoDB, sql_safe_updates = 0",
    "SET SESSION sql_big_selects = 1, sql_select_limit = 18446744073709551615",
)
#: The largest dead letter in hexadecimal, and the rest of its statement.
PACKET_BYTES_MIN: Final = 2 * DEAD_LETTER_BYTES_MAX + 65_536
#: Reads the variables that ``obstacles`` checks.
SERVER_SETTINGS_QUERY: Final = (
    "SHOW VARIABLES WHERE Variable_name IN ('max_allowed_packet', 'log_bin', 'binlog_format')"
)


def obstacles(settings: Mapping[str, str]) -> Iterator[str]:
    """Reasons why the server could not store events, each with the statement that fixes it."""
    if settings.get("log_bin") == "ON" and settings.get("binlog_format", "").upper() == "STATEMENT":
        yield (
            "the server's binlog_format is STATEMENT, with which it refuses every insert at isolation level READ "
            "COMMITTED; needed is ROW or MIXED: SET GLOBAL binlog_format = 'ROW', and the same in its configuration"
        )
    packet = int(settings.get("max_allowed_packet", PACKET_BYTES_MIN))
    if packet < PACKET_BYTES_MIN:
        yield (
            f"the server's max_allowed_packet is {packet} bytes, at least {PACKET_BYTES_MIN} are needed: "
            "SET GLOBAL max_allowed_packet = 67108864, and the same in its configuration"
        )

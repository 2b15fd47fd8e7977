"""Reads run ids, scenario digests and schemas from the headers of records. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_RUN_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,32}")
#: The header of Confluent's clients for the schema of a record's value.
_SCHEMA_HEADER: Final = "__value_schema_id"
_DIGEST: Final = re.compile(rb"[0-9a-f]{1,64}")


def read_runs(records: Sequence[Any]) -> frozenset[tuple[str, str]]:
    """The (run id, scenario digest) of the records; missing and foreign headers are skipped."""
    return frozenset(_origins(records))


def read_schema_headers(records: Sequence[Any]) -> list[bytes | None] | None:
    """By record, the content of the header that names its value's schema; None if none has one."""
    found: list[bytes | None] = []
    last: object = None
    schema: bytes | None = None
    for record in records:
        headers = record.headers
        if headers != last:
            last = headers
            schema = next((content or b"" for name, content in headers if name == _SCHEMA_HEADER), None)
        found.append(schema)
    return found if any(each is not None for each in found) else None


def _origins(records: Sequence[Any]) -> Iterator[tuple[str, str]]:
    last: object = None
    for record in records:
        headers = record.headers
        if headers == last:  # true for nearly all: the records of a batch are of one run
            continue
        last = headers
        values = dict(headers)
        run_id, digest = values.get("run_id") or b"", values.get("scenario") or b""
        if _RUN_ID.fullmatch(run_id) and _DIGEST.fullmatch(digest):
            yield run_id.decode(), digest.decode()

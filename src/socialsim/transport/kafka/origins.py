"""Reads run ids and scenario digests from the headers of records. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_RUN_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,32}")
_DIGEST: Final = re.compile(rb"[0-9a-f]{1,64}")


def read_runs(records: Sequence[Any]) -> frozenset[tuple[str, str]]:
    """The (run id, scenario digest) of the records; missing and foreign headers are skipped."""
    return frozenset(_origins(records))


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

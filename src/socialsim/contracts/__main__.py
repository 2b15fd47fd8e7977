"""``python -m socialsim.contracts`` writes ``docs/reference/asyncapi.json`` and
``docs/reference/datacontract.json``.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from socialsim.contracts.asyncapi import asyncapi_document
from socialsim.contracts.odcs import data_contract

#: By file name.
DOCUMENTS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "asyncapi.json": asyncapi_document,
    "datacontract.json": data_contract,
}


def document_text(name: str) -> str:
    """A document as it is published: indented JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(DOCUMENTS[name]()), indent=2).decode() + "\n"


def main() -> int:
    """Write both into the clone that the working directory is."""
    directory = Path("docs/reference")
    directory.mkdir(parents=True, exist_ok=True)
    for name in DOCUMENTS:
        (directory / name).write_text(document_text(name), encoding="utf-8")
        print(directory / name)  # noqa: T201 - a tool of the build
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``--json``: results as one indented JSON document.

Apart from ``output``, whose importers start fast.
"""

import msgspec

from socialsim.cli.output import show_data


def show_json(value: object) -> None:
    """Print ``value``, of anything that msgspec encodes, in UTF-8. Raises OutputError."""
    show_data(msgspec.json.format(msgspec.json.encode(value), indent=2))

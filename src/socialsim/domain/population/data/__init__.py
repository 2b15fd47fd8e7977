"""Packaged data that decide the stream, so that no release of another package can change a byte.

``NOTICE.md`` names the sources; ``make data`` generates the files. A change must raise
``scenario.STREAM_VERSION``, which a test checks.
"""

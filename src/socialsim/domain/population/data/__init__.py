"""Data that decide the stream, generated once and kept here, so that no other package's release can
change a byte.

``NOTICE.md`` tells where they come from, ``make data`` makes them anew. Whoever changes them raises
``scenario.STREAM_VERSION``; a test holds them to it.
"""

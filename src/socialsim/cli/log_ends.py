"""Reads the log ends for commands that compare them with the stored offsets."""

import asyncio

from socialsim.bootstrap.log import open_reader
from socialsim.settings import Settings
from socialsim.transport.replay import read_ends
from socialsim.transport.urls import parse_log_url
from socialsim.verification.offsets import LogEnds


def read_log_ends(url: str, settings: Settings, run_id: str) -> LogEnds:
    """The log ends.

    Raises InputError (also for a run that is missing in files), ServiceUnavailableError.
    """
    reader = open_reader(parse_log_url(url, "--from"), settings, group=None, run_id=run_id)
    ends = asyncio.run(read_ends(reader))
    offsets = {(topic, number): end for (topic, number), end in ends.offsets.items()}
    return LogEnds(ends.log_id, offsets, ends.identities)

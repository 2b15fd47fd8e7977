"""What can go wrong, and whose fault it is.

Every error that a person may meet derives from :class:`SocialsimError` and carries one sentence that names the
input, the address or the actor, and what to do. ``exit_code`` is what the command line ends with. Errors cross
process borders, so each is picklable: the constructor takes exactly what ``args`` holds.
"""

from typing import Final

#: Exit code of what cannot be answered yet; sysexits.h calls it EX_TEMPFAIL. A scheduler skips and asks again.
NOT_YET: Final = 75


class SocialsimError(Exception):
    """Base of all errors of this package. ``exit_code`` 1 unless a subclass says otherwise."""

    exit_code = 1


class InputError(SocialsimError):
    """A flag, file, environment variable or record is not what is allowed. The message names it and its place."""

    exit_code = 2


class ServiceUnavailableError(SocialsimError):
    """A service could not be reached: ``address``, ``tried_s`` seconds, ``remedy`` is the command to run."""

    exit_code = 3

    def __init__(self, address: str, tried_s: float, remedy: str) -> None:
        super().__init__(address, tried_s, remedy)
        self.address = address
        self.tried_s = tried_s
        self.remedy = remedy

    def __str__(self) -> str:
        return f"cannot reach {self.address} (tried for {self.tried_s:.0f} s); {self.remedy}"


class OutputError(SocialsimError):
    """What a command has found cannot be printed, for example because the disk behind standard output is full."""


class TransientError(SocialsimError):
    """A driver's error that may pass: drop the connection, read the stored position again, try again."""

    exit_code = 3  # for a scheduler: the same call may do later


class TerminalError(SocialsimError):
    """A driver's error that will not pass by trying again, such as a missing privilege or table."""


class OwnershipLostError(SocialsimError):
    """Another consumer moved a partition's offset: this one's copy is void and nothing of it was stored."""


class OffsetsLostError(SocialsimError):
    """The log no longer holds the records at a stored offset, or ends before it: going on would lose data."""


class LogReplacedError(InputError):
    """A topic or a run's files carry a name that stored positions know, and are not what they were."""


class LogCorruptError(SocialsimError):
    """A stored block of an event log fails its checksum at a place that is not the tail."""


class LogFullError(SocialsimError):
    """An event could not be made durable, for example because the disk is full; nothing after it was acknowledged."""


class RunConflictError(InputError):
    """A run with this id exists already and is not the one asked for, or is being written by another process."""


class DayNotClosedError(InputError):
    """A day's figures are asked for and the stream has not passed its end: ask again later."""

    exit_code = NOT_YET


class SchemaOutdatedError(InputError):
    """The warehouse's tables are not at this version's migration; the message says what to run."""


class ActorFailedError(SocialsimError):
    """An actor raised: the message names the actor, its virtual time and the seed that shows it again."""


class NotDrainedError(SocialsimError):
    """A run was asked to stop and its log did not take everything in the time that it had. A later life goes on."""

    exit_code = 3


class NotCaughtUpError(SocialsimError):
    """A drain gave up: records wait in partitions that others hold, and nothing of them is stored any more."""

    exit_code = NOT_YET


class ShardDiedError(SocialsimError):
    """A shard process ended before its work was done."""


class ShardFailedError(SocialsimError):
    """A shard process raised what it should never raise; ``trace`` is its traceback, for a bug report."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message, trace)
        self.trace = trace

    def __str__(self) -> str:
        return str(self.args[0])

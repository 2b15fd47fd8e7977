"""All errors of this package, with their exit codes.

Every error that a user can see derives from :class:`SocialsimError`. Its message is one sentence
that names the input, address or actor, and the remedy. ``exit_code`` is the exit code of the
command. Errors are sent between processes, so they are picklable: the constructor takes exactly
``args``.
"""

from typing import Final

#: Exit code of a command whose answer is not available yet: EX_TEMPFAIL of sysexits.h. A scheduler
#: skips the task and tries again later.
NOT_YET: Final = 75


class SocialsimError(Exception):
    """Base class of all errors of this package.

    ``exit_code`` is 1 unless a subclass overrides it.
    """

    exit_code = 1


class InputError(SocialsimError):
    """An option, file, environment variable or record is invalid.

    The message names it and where it was found.
    """

    exit_code = 2


class ServiceUnavailableError(SocialsimError):
    """A service at ``address`` did not answer for ``tried_s`` seconds."""

    exit_code = 3

    def __init__(self, address: str, tried_s: float, remedy: str) -> None:
        super().__init__(address, tried_s, remedy)
        self.address = address
        self.tried_s = tried_s
        self.remedy = remedy

    def __str__(self) -> str:
        return f"cannot reach {self.address} (tried for {self.tried_s:.0f} s); {self.remedy}"


class OutputError(SocialsimError):
    """A command's result cannot be printed, for example because standard output is a full disk."""


class TransientError(SocialsimError):
    """A driver's error that may pass: reconnect, read the stored position again, and retry."""

    exit_code = 3  # for a scheduler: the same command may succeed later


class TerminalError(SocialsimError):
    """A driver's error that a retry cannot fix, such as a missing privilege or table."""


class OwnershipLostError(SocialsimError):
    """Another consumer moved a partition's offset, so this one's transaction stored nothing."""


class OffsetsLostError(SocialsimError):
    """The log has no record at a stored offset, or ends before it: continuing would lose data."""


class LogReplacedError(InputError):
    """A topic or a file run is not the one that stored positions of its name belong to."""


class LogCorruptError(SocialsimError):
    """A block of an event log that is not its tail fails its checksum."""


class LogFullError(SocialsimError):
    """An event could not be made durable, for example because the disk is full.

    No later event was acknowledged.
    """


class RunConflictError(InputError):
    """A different run with this id exists, or another process is writing this run."""


class DayNotClosedError(InputError):
    """KPIs of a day were requested before the watermark passed its end: try again later."""

    exit_code = NOT_YET


class SchemaOutdatedError(InputError):
    """The warehouse's schema is not at this version's revision; the message says what to run."""


class SchemaRefusedError(InputError):
    """The schema registry does not take a schema, or a request; the message holds its reason."""


class UnknownSchemaError(SocialsimError):
    """A record names a schema that the registry does not know, or that could not be asked for in
    time.
    """


class ActorFailedError(SocialsimError):
    """An actor raised.

    The message names the actor, its virtual time and the seed that reproduces it.
    """


class NotDrainedError(SocialsimError):
    """The log did not accept all events before the drain timeout; ``--resume`` continues it."""

    exit_code = 3


class NotCaughtUpError(SocialsimError):
    """A drain gave up: other consumers own partitions with records left, and store none of them."""

    exit_code = NOT_YET


class ShardDiedError(SocialsimError):
    """A shard process exited before it had finished."""


class ShardFailedError(SocialsimError):
    """A shard process raised an unexpected exception; ``trace`` is the traceback to report."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message, trace)
        self.trace = trace

    def __str__(self) -> str:
        return str(self.args[0])

"""What to simulate: frozen, validated once, stored with the run. The stream depends on this and nothing else."""

import hashlib
import re
import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import msgspec

from socialsim.errors import InputError

DAY_US: Final = 86_400_000_000
_START_PATTERN: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a run's events. Raises InputError naming the field when a value is not allowed.

    Field names end in their unit; shares lie in 0..1.
    """

    users: Annotated[int, msgspec.Meta(ge=1, le=50_000_000)] = 1_000  #: people who sign up during the run
    days: Annotated[int, msgspec.Meta(ge=1, le=3_660)] = 7  #: simulated days
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 1
    start: str = "2026-01-01T00:00:00Z"  #: the first simulated instant, UTC, ``YYYY-MM-DD[Thh:mm:ss[.ffffff]Z]``
    shards: Annotated[int, msgspec.Meta(ge=1, le=4_096)] = 64  #: logical shards; part of the stream's identity

    window_s: Annotated[int, msgspec.Meta(ge=1, le=3_600)] = 60  #: least delay of a message between users
    actions_per_day: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 16.0  #: mean of a user's actions a day
    fanout_max: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 12  #: friends who are shown a new post, at most
    picture_share: Share = 0.16  #: of a user's actions
    video_share: Share = 0.04
    request_share: Share = 0.14
    comment_share: Share = 0.16
    accept_share: Share = 0.8  #: of friend requests
    accept_delay_median_s: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 7_200

    def __post_init__(self) -> None:
        for name, allowed in _field_types().items():  # msgspec checks what it decodes, not what Python constructs
            try:
                value = msgspec.convert(getattr(self, name), allowed)
            except msgspec.ValidationError as error:
                raise InputError(f"scenario: {name}: {error}") from error
            msgspec.structs.force_setattr(self, name, value)  # 16 for a float becomes 16.0, which has other bytes
        if not _START_PATTERN.fullmatch(self.start):
            raise InputError(f"scenario: start is {self.start!r}, allowed is YYYY-MM-DDThh:mm:ssZ (UTC)")
        try:
            start = datetime.fromisoformat(self.start)
        except ValueError as error:
            raise InputError(f"scenario: start is {self.start!r}: {error}") from error
        start = start.replace(tzinfo=UTC)
        if not _EPOCH <= start < _LAST:
            raise InputError(f"scenario: start is {self.start!r}, allowed are the years 1970 to 8999")
        # One spelling for one instant: the text is part of what the run's id is made of.
        msgspec.structs.force_setattr(self, "start", f"{start.replace(tzinfo=None).isoformat()}Z")
        shares = self.picture_share + self.video_share + self.request_share + self.comment_share
        if shares > 1:
            raise InputError(
                "scenario: picture_share + video_share + request_share + comment_share is "
                f"{shares:g}, at most 1 is allowed (the rest are likes)"
            )

    @property
    def start_us(self) -> int:
        """The first simulated instant in microseconds since the epoch."""
        return _since_epoch_us(self.start)

    @property
    def end_us(self) -> int:
        """The instant behind the last simulated one."""
        return self.start_us + self.days * DAY_US

    @property
    def window_us(self) -> int:
        """The length of a synchronisation window."""
        return self.window_s * 1_000_000

    def user_range(self, shard: int) -> range:
        """The user ids that ``shard`` owns: contiguous, in order, of sizes that differ by at most one."""
        return range(self.users * shard // self.shards, self.users * (shard + 1) // self.shards)

    def shard_of_user(self, user_id: int) -> int:
        """The shard that owns ``user_id``: the inverse of ``user_range``."""
        return ((user_id + 1) * self.shards - 1) // self.users

    def to_json(self) -> bytes:
        """The canonical text: compact JSON, members sorted, every default written out."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def run_id(self) -> str:
        """The id of a run of this scenario when none is given: the same scenario is the same run."""
        return "r" + hashlib.sha256(self.to_json()).hexdigest()[:15]


@lru_cache  # asked for at every window
def _since_epoch_us(instant: str) -> int:
    return (datetime.fromisoformat(instant).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@cache
def _field_types() -> dict[str, Any]:
    """The fields' types with their bounds."""
    return get_type_hints(Scenario, include_extras=True)


def make_scenario(**fields: Any) -> Scenario:
    """A Scenario from untyped values. Raises InputError naming the field and what is allowed."""
    try:
        return msgspec.convert(fields, Scenario)
    except msgspec.ValidationError as error:
        raise InputError(f"scenario: {_readable(error)}") from error


def load_scenario(path: Path, **overrides: Any) -> Scenario:
    """A Scenario from a TOML file whose members are the fields; ``overrides`` win. Raises InputError with the place."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {error}") from error
    try:
        return msgspec.convert(table | overrides, Scenario)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {_readable(error)}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _readable(error: msgspec.ValidationError) -> str:
    """msgspec's sentence with its JSON path put into words."""
    text = str(error)
    sentence, _, path = text.partition(" - at `$.")
    return f"{path.rstrip('`')}: {sentence}" if path else text

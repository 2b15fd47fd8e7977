"""Scenarios: frozen, validated once and stored with the run. They alone decide the stream."""

import hashlib
import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, get_args, get_type_hints

import msgspec

from socialsim.errors import InputError
from socialsim.scenario.presets import PRESETS, SIZE_KNOBS

#: Version of what decides the stream besides the scenario: our rules and data (names, texts,
#: cities, clocks). Raised with every change of a byte, because one default run id must not name two
#: streams; a test with golden digests checks it.
STREAM_VERSION: Final = 2
DAY_US: Final = 86_400_000_000
#: Minimum age at sign-up. ``verify`` checks it for every user.
LEAST_AGE_YEARS: Final = 13
_START_PATTERN: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
_GROWN_STEEPNESS: Final = 6.0  #: of a curve that is almost flat at its end
_STEEPEST: Final = 100_000.0  #: enough for an S-curve over one day of the longest run
#: Knobs that are shares of one whole; the remainder belongs to the case without a knob.
_WHOLES: Final = (
    ("mobile_only_share", "web_only_share", "tablet_share"),
    ("circle_share", "closure_share"),
)


def _share(moves: str, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=0, le=1, description=description, extra={"unit": "share", "moves": moves})


def _number(low: float, high: float, unit: str, moves: str, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=low, le=high, description=description, extra={"unit": unit, "moves": moves})


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a run's events. Raises InputError naming a field that is not allowed.

    Field names end in their unit; shares are in 0..1. Each knob has a description and names the
    statistics of ``socialsim validate`` that it moves; ``socialsim scenario show`` prints both.
    """

    # --- the run ----------------------------------------------------------------------------------
    users: Annotated[int, _number(1, 50_000_000, "people", "volumes", "people who sign up during the run")] = 1_000
    days: Annotated[int, _number(1, 3_660, "days", "volumes", "simulated days")] = 7
    seed: Annotated[int, _number(0, 2**63 - 1, "", "none", "all random draws derive from it")] = 1
    start: Annotated[
        str,
        msgspec.Meta(
            description="the first simulated instant, UTC, YYYY-MM-DD[Thh:mm:ss[.ffffff]Z]",
            extra={"unit": "instant", "moves": "none"},
        ),
    ] = "2026-01-01T00:00:00Z"
    shards: Annotated[int, _number(1, 4_096, "shards", "none", "logical shards; part of the stream's identity")] = 64
    window_s: Annotated[int, _number(1, 3_600, "seconds", "none", "minimum delay of a message between users")] = 60

    # --- sign-ups and devices ---------------------------------------------------------------------
    adoption_midpoint: Annotated[
        float,
        _share(
            "densification, growth",
            "share of the run at which the S-curve of sign-ups, truncated to the run, is steepest",
        ),
    ] = 0.5
    adoption_steepness: Annotated[
        float,
        _number(
            0, _STEEPEST, "1/run", "densification, growth", "steepness of the S-curve of sign-ups; 0: constant rate"
        ),
    ] = 6.0
    country_skew: Annotated[
        float, _number(0, 4, "exponent", "countries", "exponent of the countries' published weights; 0: all equal")
    ] = 1.0
    mobile_only_share: Annotated[float, _share("devices", "people who use only a mobile")] = 0.805
    web_only_share: Annotated[float, _share("devices", "people who use only the web")] = 0.02
    tablet_share: Annotated[
        float, _share("devices", "people whose main device is a tablet; the rest: mobile and web")
    ] = 0.03
    second_device_share: Annotated[float, _share("devices", "sessions on the second device, of people with two")] = 0.3

    # --- sessions ---------------------------------------------------------------------------------
    active_day_alpha: Annotated[
        float,
        _number(0.05, 100, "shape", "DAU/MAU", "a person's probability of an active day ~ Kumaraswamy(alpha, beta)"),
    ] = 0.7
    active_day_beta: Annotated[float, _number(0.05, 100, "shape", "DAU/MAU, retention", "see active_day_alpha")] = 0.38
    sessions_per_active_day: Annotated[
        float, _number(1, 50, "sessions", "volumes", "mean sessions of a median person on an active working day")
    ] = 2.8
    session_duration_median_s: Annotated[
        int, _number(1, 36_000, "seconds", "volumes, burstiness", "median duration of a session; log-normal")
    ] = 170
    action_gap_median_s: Annotated[
        int,
        _number(1, 36_000, "seconds", "volumes, burstiness", "median time between actions of a session; log-normal"),
    ] = 25
    action_gap_sigma: Annotated[
        float, _number(0, 4, "log", "burstiness", "sigma of the log-normal time between actions of a session")
    ] = 1.1
    daily_rhythm: Annotated[
        float, _share("hour of week", "contrast of the hours of the local day; 1: peak is 11 times the trough, 0: flat")
    ] = 1.0
    weekend_activity: Annotated[
        float,
        _number(
            0, 5, "ratio", "weekend share of posts", "sessions and posts on a weekend day, relative to a working day"
        ),
    ] = 0.88
    bounce_share: Annotated[float, _share("retention", "people who never return after the day of their sign-up")] = 0.03
    drift_share: Annotated[
        float, _share("retention, growth accounting", "mean probability of going away for a while after an active day")
    ] = 0.004
    return_share: Annotated[float, _share("resurrected users", "people who return, of those who went away")] = 0.6
    away_median_days: Annotated[
        int, _number(1, 3_660, "days", "resurrected users", "median time away of those who return; log-normal")
    ] = 14
    flash_mobs_per_30_days: Annotated[
        float, _number(0, 300, "events", "volumes by hour", "bursts in one country, or everywhere")
    ] = 2.0
    flash_mob_share: Annotated[float, _share("volumes by hour", "people of its country who join a flash mob")] = 0.3

    # --- friends ----------------------------------------------------------------------------------
    friends_mean: Annotated[
        float,
        _number(
            0, 5_000, "friends", "mean degree", "mean number of friends wanted; 0: n^(0.512 - 0.028 log10 n), as LDBC"
        ),
    ] = 0.0
    friends_spread: Annotated[
        float,
        _number(
            0, 2, "exponent", "degree, Gini", "exponent of the published distribution of friends; 0: all want the same"
        ),
    ] = 1.05
    community_people: Annotated[
        int, _number(1, 1_000_000, "people", "assortativity", "size of a community, whose members have similar traits")
    ] = 150
    community_influence: Annotated[
        float, _share("assortativity", "correlation of the number of friends wanted within a community")
    ] = 0.9
    circle_people: Annotated[
        int,
        _number(
            2,
            10_000,
            "people",
            "clustering",
            "size of a person's third circle, a class or a club; the first is a quarter of it, the sixth twice",
        ),
    ] = 50
    circle_share: Annotated[float, _share("clustering, same country", "requests to a member of an own circle")] = 0.5
    closure_share: Annotated[
        float, _share("clustering, triangle closing", "requests to a friend of a friend; the remainder: strangers")
    ] = 0.31
    closure_abroad_share: Annotated[float, _share("same country", "friends of friends abroad who are considered")] = (
        0.25
    )
    stranger_home_share: Annotated[
        float, _share("same country", "strangers met in the own country, not anywhere else")
    ] = 0.3
    accept_circle_share: Annotated[
        float, _share("requests accepted", "accepted requests, of those within a circle")
    ] = 0.96
    accept_closure_share: Annotated[
        float, _share("requests accepted", "accepted requests, of those from a friend of a friend")
    ] = 0.93
    accept_stranger_share: Annotated[
        float, _share("requests accepted", "accepted requests, of those from a stranger")
    ] = 0.75
    accept_delay_median_s: Annotated[
        int,
        _number(
            1,
            10_000_000,
            "seconds",
            "acceptance latency",
            "median of the minimum time until a request is answered; log-normal",
        ),
    ] = 3_600

    # --- actions ----------------------------------------------------------------------------------
    post_share: Annotated[float, _share("volumes, posts per user", "posts, of the actions of a median person")] = 0.06
    post_sigma: Annotated[
        float, _number(0, 4, "log", "posts per user", "sigma of the log-normal tendency of people to post")
    ] = 1.4
    video_share: Annotated[float, _share("photo : video", "videos, of all posts")] = 0.2
    comment_share: Annotated[float, _share("likes : comments", "comments, of likes and comments")] = 0.27
    reach_median: Annotated[
        int,
        _number(
            0, 10_000, "friends", "likes per post", "median number of friends who are shown a post of median quality"
        ),
    ] = 14
    quality_sigma: Annotated[
        float, _number(0, 4, "log", "likes per post", "sigma of the log-normal quality of posts")
    ] = 0.8
    affinity_sigma: Annotated[
        float,
        _number(
            0, 4, "log", "likes by friend, watch time", "sigma of the log-normal affinity of two people; 0: all equal"
        ),
    ] = 0.6
    recency_s: Annotated[
        int, _number(1, 10_000_000, "seconds", "post half-life", "age at which a post is half as fresh")
    ] = 2_400
    popular_share: Annotated[float, _share("likes per post", "likes of trending posts, of all likes")] = 0.07

    def __post_init__(self) -> None:
        # msgspec checks what it decodes, not what Python constructs.
        for name, allowed in _field_types().items():
            try:
                value = msgspec.convert(getattr(self, name), allowed)
            except msgspec.ValidationError as error:
                raise InputError(f"scenario: {name}: {error}") from error
            # 16 for a float becomes 16.0: one spelling in JSON
            msgspec.structs.force_setattr(self, name, value)
        if not _START_PATTERN.fullmatch(self.start):
            raise InputError(f"scenario: start is {self.start!r}, allowed is YYYY-MM-DDThh:mm:ssZ (UTC)")
        try:
            start = datetime.fromisoformat(self.start)
        except ValueError as error:
            raise InputError(f"scenario: start is {self.start!r}: {error}") from error
        start = start.replace(tzinfo=UTC)
        if not _EPOCH <= start < _LAST:
            raise InputError(f"scenario: start is {self.start!r}, allowed are the years 1970 to 8999")
        # One spelling per instant: the run id is a hash of this text.
        msgspec.structs.force_setattr(self, "start", f"{start.replace(tzinfo=None).isoformat()}Z")
        for parts in _WHOLES:
            total = sum(getattr(self, part) for part in parts)
            if total > 1 + 1e-9:
                raise InputError(f"scenario: {' + '.join(parts)} is {total:g}, at most 1 is allowed")

    @property
    def start_us(self) -> int:
        """The first simulated instant in microseconds since the epoch."""
        return _since_epoch_us(self.start)

    @property
    def end_us(self) -> int:
        """The end of simulated time, exclusive, in microseconds since the epoch."""
        return self.start_us + self.days * DAY_US

    @property
    def window_us(self) -> int:
        """The length of a synchronisation window in microseconds."""
        return self.window_s * 1_000_000

    def user_range(self, shard: int) -> range:
        """The contiguous user ids of ``shard``. Sizes of shards differ by at most one."""
        return range(self.users * shard // self.shards, self.users * (shard + 1) // self.shards)

    def shard_of_user(self, user_id: int) -> int:
        """The shard of ``user_id``, the inverse of ``user_range``."""
        return ((user_id + 1) * self.shards - 1) // self.users

    def grown_by(self, days: int) -> "Scenario":
        """The scenario with its sign-up curve compressed into ``days``; few users sign up later."""
        part = days / self.days
        return msgspec.structs.replace(
            self,
            adoption_midpoint=self.adoption_midpoint * part,
            adoption_steepness=min(max(self.adoption_steepness, _GROWN_STEEPNESS) / part, _STEEPEST),
        )

    def to_json(self) -> bytes:
        """The canonical JSON: compact, with sorted members and all defaults."""
        # Not by msgspec: the run id is a hash of this text, and Python's spelling of floats is
        # stable.
        fields = msgspec.structs.asdict(self)
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    @property
    def run_id(self) -> str:
        """The default run id: a hash of the scenario and the stream version."""
        return "r" + hashlib.sha256(b"%d\n%b" % (STREAM_VERSION, self.to_json())).hexdigest()[:15]

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that identify the stream: the scenario and the stream version."""
        return hashlib.sha256(b"%d\n%b" % (STREAM_VERSION, self.to_json())).hexdigest()[:32]


@lru_cache  # read at every window
def _since_epoch_us(instant: str) -> int:
    return (datetime.fromisoformat(instant).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@cache
def _field_types() -> dict[str, Any]:
    """The annotated types of the fields, bounds included."""
    return get_type_hints(Scenario, include_extras=True)


class Knob(NamedTuple):
    """A field of Scenario as documentation shows it.

    ``low`` and ``high`` are None if it has no bounds.
    """

    name: str
    default: Any
    unit: str
    low: float | None
    high: float | None
    moves: str  #: the statistics that it moves
    description: str


def knobs() -> list[Knob]:
    """All fields of Scenario, in order."""
    listed = []
    for field in msgspec.structs.fields(Scenario):
        meta = next(part for part in get_args(_field_types()[field.name]) if isinstance(part, msgspec.Meta))
        extra = meta.extra or {}
        listed.append(
            Knob(field.name, field.default, extra["unit"], meta.ge, meta.le, extra["moves"], meta.description or "")
        )
    return listed


def make_scenario(preset: str | None = None, **fields: Any) -> Scenario:
    """A Scenario from a preset's values, overridden by ``fields``, which are not validated yet.

    Raises InputError naming the field and what is allowed.
    """
    try:
        return msgspec.convert(_knobs_of(preset, "--preset") | fields, Scenario)
    except msgspec.ValidationError as error:
        raise InputError(f"scenario: {_readable(error)}") from error


def load_scenario(path: Path, preset: str | None = None, **overrides: Any) -> Scenario:
    """A Scenario from a TOML file whose keys are the fields.

    ``overrides`` take precedence over the file, the file over ``preset``. Without ``preset``, the
    file's own key ``preset`` is used, if it has one. Raises InputError naming file and field.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not TOML: {error}") from error
    named = table.pop("preset", None)
    try:
        knobs = _knobs_of(preset, "--preset") if preset is not None else _knobs_of(named, "preset")
        return msgspec.convert(knobs | table | overrides, Scenario)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {_readable(error)}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def preset_of(scenario: Scenario) -> str | None:
    """The preset that equals ``scenario`` in all knobs except ``SIZE_KNOBS``, None if none does."""
    compared = [name for name in Scenario.__struct_fields__ if name not in SIZE_KNOBS]
    for preset in ("mature", *PRESETS):  # mature first: tiny and demo differ only in size
        other = make_scenario(preset)
        if all(getattr(other, name) == getattr(scenario, name) for name in compared):
            return preset
    return None


def _knobs_of(preset: object, option: str) -> dict[str, Any]:
    """The preset's knobs. Raises InputError naming ``option`` if there is no such preset."""
    if preset is None:
        return {}
    if not isinstance(preset, str) or preset not in PRESETS:
        raise InputError(f"{option} is {preset!r}, allowed are {', '.join(PRESETS)}")
    return dict(PRESETS[preset].knobs)


def _readable(error: msgspec.ValidationError) -> str:
    """msgspec's message, with its JSON path as a prefix."""
    text = str(error)
    sentence, _, path = text.partition(" - at `$.")
    return f"{path.rstrip('`')}: {sentence}" if path else text

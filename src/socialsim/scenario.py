"""What to simulate: frozen, validated once, stored with the run. The stream depends on this and nothing else."""

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
from socialsim.presets import PRESETS, SIZE_KNOBS

#: What decides the stream beside the scenario: our rules and data (names, texts, places, clocks). Raised with each change of
#: a byte, for one default run id must not name two streams; a test with golden digests tells.
STREAM_VERSION: Final = 2
DAY_US: Final = 86_400_000_000
#: Nobody signs up before that birthday. A rule of the network: ``verify`` holds every row to it.
LEAST_AGE_YEARS: Final = 13
_START_PATTERN: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
_GROWN_STEEPNESS: Final = 6.0  #: of a curve that is all but flat at its end
_STEEPEST: Final = 100_000.0  #: enough for an S-curve over one day of the longest run
#: Shares of one whole, whose rest goes to what has no knob.
_WHOLES: Final = (
    ("mobile_only_share", "web_only_share", "tablet_share"),
    ("circle_share", "closure_share"),
)


def _share(moves: str, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=0, le=1, description=description, extra={"unit": "share", "moves": moves})


def _number(low: float, high: float, unit: str, moves: str, description: str) -> msgspec.Meta:
    return msgspec.Meta(ge=low, le=high, description=description, extra={"unit": unit, "moves": moves})


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a run's events. Raises InputError naming the field when a value is not allowed.

    Field names end in their unit; shares lie in 0..1. Each knob says what it is and which statistic of
    ``socialsim validate`` it moves; ``socialsim scenario show`` prints that.
    """

    # --- the run --------------------------------------------------------------------------------------------------
    users: Annotated[int, _number(1, 50_000_000, "people", "volumes", "people who sign up during the run")] = 1_000
    days: Annotated[int, _number(1, 3_660, "days", "volumes", "simulated days")] = 7
    seed: Annotated[int, _number(0, 2**63 - 1, "", "none", "everything random is drawn from it")] = 1
    start: Annotated[
        str,
        msgspec.Meta(
            description="the first simulated instant, UTC, YYYY-MM-DD[Thh:mm:ss[.ffffff]Z]",
            extra={"unit": "instant", "moves": "none"},
        ),
    ] = "2026-01-01T00:00:00Z"
    shards: Annotated[int, _number(1, 4_096, "shards", "none", "logical shards; part of the stream's identity")] = 64
    window_s: Annotated[int, _number(1, 3_600, "seconds", "none", "least delay of a message between users")] = 60

    # --- who signs up, and when -----------------------------------------------------------------------------------
    adoption_midpoint: Annotated[
        float,
        _share(
            "densification, growth",
            "share of the run at which the S-curve of sign-ups, which is cut to the run, rises most",
        ),
    ] = 0.5
    adoption_steepness: Annotated[
        float,
        _number(0, _STEEPEST, "1/run", "densification, growth", "of the S-curve of sign-ups; 0 is a constant rate"),
    ] = 6.0
    country_skew: Annotated[
        float, _number(0, 4, "exponent", "countries", "of the countries' published weights; 0 makes all alike")
    ] = 1.0
    mobile_only_share: Annotated[float, _share("devices", "people who use nothing but a mobile")] = 0.805
    web_only_share: Annotated[float, _share("devices", "people who use nothing but the web")] = 0.02
    tablet_share: Annotated[
        float, _share("devices", "people whose main device is a tablet; the rest: mobile and web")
    ] = 0.03
    second_device_share: Annotated[float, _share("devices", "sessions from the other device, of those with two")] = 0.3

    # --- when they come -------------------------------------------------------------------------------------------
    active_day_alpha: Annotated[
        float,
        _number(0.05, 100, "shape", "DAU/MAU", "people's probability of an active day ~ Kumaraswamy(alpha, beta)"),
    ] = 0.7
    active_day_beta: Annotated[float, _number(0.05, 100, "shape", "DAU/MAU, retention", "see active_day_alpha")] = 0.38
    sessions_per_active_day: Annotated[
        float, _number(1, 50, "sessions", "volumes", "mean of a person with median zeal on a working day")
    ] = 2.8
    session_duration_median_s: Annotated[
        int, _number(1, 36_000, "seconds", "volumes, burstiness", "median length of a session; log-normal")
    ] = 170
    action_gap_median_s: Annotated[
        int,
        _number(1, 36_000, "seconds", "volumes, burstiness", "median time between actions of a session; log-normal"),
    ] = 25
    action_gap_sigma: Annotated[
        float, _number(0, 4, "log", "burstiness", "of the log-normal time between actions of a session")
    ] = 1.1
    daily_rhythm: Annotated[
        float, _share("hour of week", "how far the hours of the local day differ; 1 has peak/trough 11, 0 is flat")
    ] = 1.0
    weekend_activity: Annotated[
        float,
        _number(
            0, 5, "ratio", "weekend share of posts", "sessions and posts on a day of the weekend to a working day's"
        ),
    ] = 0.88
    bounce_share: Annotated[float, _share("retention", "people who never return after the day of their sign-up")] = 0.03
    drift_share: Annotated[
        float, _share("retention, growth accounting", "mean probability that an active day is the last for a while")
    ] = 0.004
    return_share: Annotated[float, _share("resurrected users", "people who return, of those who drifted away")] = 0.6
    away_median_days: Annotated[
        int, _number(1, 3_660, "days", "resurrected users", "median time away of those who return; log-normal")
    ] = 14
    flash_mobs_per_30_days: Annotated[
        float, _number(0, 300, "events", "volumes by hour", "bursts in one country, or everywhere")
    ] = 2.0
    flash_mob_share: Annotated[float, _share("volumes by hour", "people of its country who join a flash mob")] = 0.3

    # --- whom they befriend ---------------------------------------------------------------------------------------
    friends_mean: Annotated[
        float,
        _number(
            0, 5_000, "friends", "mean degree", "mean number of friends wanted; 0: n^(0.512 - 0.028 log10 n), as LDBC"
        ),
    ] = 0.0
    friends_spread: Annotated[
        float,
        _number(0, 2, "exponent", "degree, Gini", "of the published distribution of friends; 0: all want the same"),
    ] = 1.05
    community_people: Annotated[
        int, _number(1, 1_000_000, "people", "assortativity", "size of the communities whose members are alike")
    ] = 150
    community_influence: Annotated[
        float, _share("assortativity", "correlation within a community of the number of friends wanted")
    ] = 0.9
    circle_people: Annotated[
        int,
        _number(
            2,
            10_000,
            "people",
            "clustering",
            "size of a person's third circle, a class or a club; the first is a quarter of that, the sixth twice",
        ),
    ] = 50
    circle_share: Annotated[float, _share("clustering, same country", "requests to somebody of an own circle")] = 0.5
    closure_share: Annotated[
        float, _share("clustering, triangle closing", "requests to a friend of a friend; the rest: strangers")
    ] = 0.31
    closure_abroad_share: Annotated[
        float, _share("same country", "friends of friends who are considered although they live abroad")
    ] = 0.25
    stranger_home_share: Annotated[float, _share("same country", "strangers met in the own country, not anywhere")] = (
        0.3
    )
    accept_circle_share: Annotated[float, _share("requests accepted", "of requests within a circle")] = 0.96
    accept_closure_share: Annotated[float, _share("requests accepted", "of requests from a friend of a friend")] = 0.93
    accept_stranger_share: Annotated[float, _share("requests accepted", "of requests from a stranger")] = 0.75
    accept_delay_median_s: Annotated[
        int,
        _number(1, 10_000_000, "seconds", "acceptance latency", "least time until a request is answered; log-normal"),
    ] = 3_600

    # --- what they do ---------------------------------------------------------------------------------------------
    post_share: Annotated[
        float, _share("volumes, posts per user", "posts, of the actions of a person of median zeal")
    ] = 0.06
    post_sigma: Annotated[
        float, _number(0, 4, "log", "posts per user", "of the log-normal zeal with which people post")
    ] = 1.4
    video_share: Annotated[float, _share("photo : video", "videos, of all posts")] = 0.2
    comment_share: Annotated[float, _share("likes : comments", "comments, of likes and comments")] = 0.27
    reach_median: Annotated[
        int, _number(0, 10_000, "friends", "likes per post", "friends who are shown a post of median quality")
    ] = 14
    quality_sigma: Annotated[float, _number(0, 4, "log", "likes per post", "of the log-normal quality of posts")] = 0.8
    affinity_sigma: Annotated[
        float,
        _number(
            0, 4, "log", "likes by friend, watch time", "of the log-normal affinity of two people; 0: all like alike"
        ),
    ] = 0.6
    recency_s: Annotated[
        int, _number(1, 10_000_000, "seconds", "post half-life", "age at which a post draws half as much attention")
    ] = 2_400
    popular_share: Annotated[float, _share("likes per post", "likes of posts that are popular at the moment")] = 0.07

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

    def grown_by(self, days: int) -> "Scenario":
        """The scenario with its curve of sign-ups run through by the end of day ``days``, after which few more join."""
        part = days / self.days
        return msgspec.structs.replace(
            self,
            adoption_midpoint=self.adoption_midpoint * part,
            adoption_steepness=min(max(self.adoption_steepness, _GROWN_STEEPNESS) / part, _STEEPEST),
        )

    def to_json(self) -> bytes:
        """The canonical text: compact JSON, members sorted, every default written out."""
        # Not by msgspec: the run's id is made of this text, and how floats are spelt is settled by Python alone.
        fields = msgspec.structs.asdict(self)
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    @property
    def run_id(self) -> str:
        """The id of a run of this scenario when none is given: the same scenario and rules are the same run."""
        return "r" + hashlib.sha256(b"%d\n%b" % (STREAM_VERSION, self.to_json())).hexdigest()[:15]

    @property
    def digest(self) -> str:
        """What tells its stream from that of another scenario or stream version: 32 hexadecimal digits."""
        return hashlib.sha256(b"%d\n%b" % (STREAM_VERSION, self.to_json())).hexdigest()[:32]


@lru_cache  # asked for at every window
def _since_epoch_us(instant: str) -> int:
    return (datetime.fromisoformat(instant).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@cache
def _field_types() -> dict[str, Any]:
    """The fields' types with their bounds."""
    return get_type_hints(Scenario, include_extras=True)


class Knob(NamedTuple):
    """What is to be known of a field: its type with its bounds is in ``low`` and ``high``, None where there are none."""

    name: str
    default: Any
    unit: str
    low: float | None
    high: float | None
    moves: str  #: the statistics that it moves
    description: str


def knobs() -> list[Knob]:
    """All fields of a Scenario, in their order."""
    listed = []
    for field in msgspec.structs.fields(Scenario):
        meta = next(part for part in get_args(_field_types()[field.name]) if isinstance(part, msgspec.Meta))
        extra = meta.extra or {}
        listed.append(
            Knob(field.name, field.default, extra["unit"], meta.ge, meta.le, extra["moves"], meta.description or "")
        )
    return listed


def make_scenario(preset: str | None = None, **fields: Any) -> Scenario:
    """A Scenario from untyped values over a preset's. Raises InputError naming the field and what is allowed."""
    try:
        return msgspec.convert(_knobs_of(preset, "--preset") | fields, Scenario)
    except msgspec.ValidationError as error:
        raise InputError(f"scenario: {_readable(error)}") from error


def load_scenario(path: Path, preset: str | None = None, **overrides: Any) -> Scenario:
    """A Scenario from a TOML file whose members are the fields; ``overrides`` win. Raises InputError with the place.

    What the file does not say is as in ``preset``, or in the preset that the file names by a member ``preset``.
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
    """The preset whose people ``scenario`` has, however many and whenever: ``mature``, ``app``, ... None if of none."""
    compared = [name for name in Scenario.__struct_fields__ if name not in SIZE_KNOBS]
    for preset in ("mature", *PRESETS):  # mature first: tiny and demo have its people
        people = make_scenario(preset)
        if all(getattr(people, name) == getattr(scenario, name) for name in compared):
            return preset
    return None


def _knobs_of(preset: object, place: str) -> dict[str, Any]:
    """What the preset says. Raises InputError naming ``place`` if there is none of that name."""
    if preset is None:
        return {}
    if not isinstance(preset, str) or preset not in PRESETS:
        raise InputError(f"{place} is {preset!r}, allowed are {', '.join(PRESETS)}")
    return dict(PRESETS[preset].knobs)


def _readable(error: msgspec.ValidationError) -> str:
    """msgspec's sentence with its JSON path put into words."""
    text = str(error)
    sentence, _, path = text.partition(" - at `$.")
    return f"{path.rstrip('`')}: {sentence}" if path else text

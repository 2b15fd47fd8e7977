"""What each event type consists of, in one neutral form that every generated schema, codec and
document is made from.

msgspec's description of a type is what the JSON codec needs. Avro, the registry's JSON Schema and
the documents of ``socialsim.contracts`` need a little less and a little more: a kind for each
member, its bounds, and one line about it.
"""

import inspect
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import msgspec

from socialsim.events.types import PLURALS, WIRE_NAMES, Event


class FieldKind(Enum):
    """What a member holds."""

    INTEGER = "integer"
    INSTANT = "instant"  #: microseconds since the epoch, UTC
    TEXT = "text"
    WORD = "word"  #: one of a few fixed words
    DATE = "date"


@dataclass(frozen=True, slots=True)
class EventField:
    """One member of an event type.

    Bounds that a kind does not have are None; ``default`` may be NODEFAULT.
    """

    name: str
    kind: FieldKind
    description: str
    low: int | None = None
    high: int | None = None
    length_min: int | None = None
    length_max: int | None = None
    pattern: str | None = None
    words: tuple[str, ...] = ()
    optional: bool = False  #: may be None
    default: Any = msgspec.NODEFAULT

    @property
    def required(self) -> bool:
        """Whether an event cannot be made without it."""
        return self.default is msgspec.NODEFAULT


#: One line about each member; a description in the type itself goes before.
DESCRIPTIONS: Final[dict[str, str]] = {
    "run_id": "the run that emitted the event",
    "shard": "the logical shard that emitted the event",
    "seq": "counts the events of the shard from 0, without a gap",
    "time_us": "when it happened in simulated time: microseconds since the epoch, UTC",
    "user_id": "who acted",
    "device": "what they acted from",
    "version": "the version of the event's shape",
    "username": "the name they chose, unique within a run",
    "email": "an invented address",
    "phone": "an invented number",
    "first_name": "an invented first name",
    "last_name": "an invented last name",
    "birthday": "date of birth",
    "country": "where they live, ISO 3166-1 alpha-2",
    "city": "the city they live in",
    "session_id": "identifies the session",
    "duration_s": "how long it lasts, in seconds",
    "request_id": "identifies the friend request",
    "receiver_id": "the user who is asked",
    "requester_id": "the user who asked",
    "picture_id": "identifies the picture",
    "video_id": "identifies the video",
    "caption": "what the publisher wrote about it",
    "width_px": "width in pixels",
    "height_px": "height in pixels",
    "watched_s": "how much of the video was watched, in seconds",
    "comment_id": "identifies the comment",
    "content_kind": "what the comment stands under",
    "content_id": "the picture or video that the comment stands under",
    "text": "what the author wrote",
}


def members(event_type: type[Event]) -> tuple[EventField, ...]:
    """The members of ``event_type`` in the order of their definition.

    Raises TypeError for a kind that is not known.
    """
    info = msgspec.inspect.type_info(event_type)
    if not isinstance(info, msgspec.inspect.StructType):
        raise TypeError(f"{event_type.__name__} is not a struct")
    return tuple(_member(event_type, field) for field in info.fields)


def event_description(event_type: type[Event]) -> str:
    """What the type's own text says, and where its events are found."""
    name = WIRE_NAMES.get(event_type)
    where = "" if name is None else f" Topic, file and table: {PLURALS[name]}."
    return f"{inspect.getdoc(event_type)}{where}"


def _member(event_type: type[Event], field: msgspec.inspect.Field) -> EventField:
    kind, told = _bare(field.type)
    optional = False
    if isinstance(kind, msgspec.inspect.UnionType):
        others = [other for other in kind.types if not isinstance(other, msgspec.inspect.NoneType)]
        optional = len(others) < len(kind.types)
        if len(others) != 1:
            raise TypeError(f"{event_type.__name__}.{field.name}: a union of several kinds has no schema here")
        kind, inner = _bare(others[0])
        told = told or inner
    place = f"{event_type.__name__}.{field.name}"
    described = told or DESCRIPTIONS.get(field.name, "")
    return EventField(
        field.name, description=described, optional=optional, default=field.default, **_shape(kind, place)
    )


def _bare(kind: msgspec.inspect.Type) -> tuple[msgspec.inspect.Type, str]:
    """The type without its annotation, and the description that stands there."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return kind.type, (kind.extra_json_schema or {}).get("description", "")
    return kind, ""


def _shape(kind: msgspec.inspect.Type, place: str) -> dict[str, Any]:
    """Kind and bounds."""
    if isinstance(kind, msgspec.inspect.IntType):
        low = kind.ge if kind.ge is not None else None if kind.gt is None else kind.gt + 1
        high = kind.le if kind.le is not None else None if kind.lt is None else kind.lt - 1
        instant = place.endswith("_us")
        return {"kind": FieldKind.INSTANT if instant else FieldKind.INTEGER, "low": low, "high": high}
    if isinstance(kind, msgspec.inspect.StrType):
        bounds = {"length_min": kind.min_length, "length_max": kind.max_length, "pattern": kind.pattern}
        return {"kind": FieldKind.TEXT, **bounds}
    if isinstance(kind, msgspec.inspect.LiteralType):
        if all(isinstance(value, str) for value in kind.values):
            return {"kind": FieldKind.WORD, "words": tuple(map(str, kind.values))}
        numbers = sorted(value for value in kind.values if isinstance(value, int))
        if len(numbers) == len(kind.values) == numbers[-1] - numbers[0] + 1:
            return {"kind": FieldKind.INTEGER, "low": numbers[0], "high": numbers[-1]}
    if isinstance(kind, msgspec.inspect.DateType):
        return {"kind": FieldKind.DATE}
    raise TypeError(f"{place}: {type(kind).__name__} has no schema here")

"""The codec between events and JSON bytes: the border where records from outside are validated."""

import json
from collections.abc import Callable
from typing import Final

import msgspec

from socialsim.events.types import EVENT_TYPES, Event

#: Larger records are refused before parsing. The simulation's largest possible event is under 8
#: KiB.
RECORD_BYTES_MAX: Final = 64 * 1024

_encoder = msgspec.json.Encoder()
_union_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_decoders: dict[str, msgspec.json.Decoder[Event]] = {
    name: msgspec.json.Decoder(event_type) for name, event_type in EVENT_TYPES.items()
}

#: An event's canonical bytes: compact JSON, members in the order of the definition, UTF-8
#: unescaped.
encode: Final[Callable[[Event], bytes]] = _encoder.encode
#: Encodes many events as newline-delimited JSON; each line ends with a newline.
encode_lines: Final[Callable[[list[Event]], bytes]] = _encoder.encode_lines


class InvalidRecordError(ValueError):
    """A record that cannot become an event: ``error_class`` for grouping, ``reason`` for people."""

    def __init__(self, error_class: str, reason: str) -> None:
        super().__init__(error_class, reason)
        self.error_class = error_class
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.error_class}: {self.reason}"


def decode(raw: bytes, name: str | None = None) -> Event:
    """Decode one event of the type ``name``, if that is known (a topic holds one type), else of any
    type.

    Bytes that equal the event's canonical encoding are accepted at once. Other spellings of a valid
    event (white space, another order of members, escapes) are accepted too. Repeated members are
    not, because it is unknown which of them was meant.

    Raises InvalidRecordError: too large, not UTF-8, not JSON, nested too deep, unknown type or
    version, a missing, unknown, repeated or invalid member, a NUL character.
    """
    if len(raw) > RECORD_BYTES_MAX:
        raise InvalidRecordError("too_large", f"{len(raw)} bytes, at most {RECORD_BYTES_MAX} are allowed")
    try:
        event = (_decoders[name] if name is not None else _union_decoder).decode(raw)
        if _encoder.encode(event) != raw:
            _check_spelling(raw)
    except msgspec.ValidationError as error:
        raise InvalidRecordError("invalid_member", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidRecordError("not_json", str(error)) from error
    except RecursionError as error:
        raise InvalidRecordError("too_deep", "nested too deep") from error
    if b"\\u0000" in raw and any("\0" in value for value in msgspec.structs.astuple(event) if isinstance(value, str)):
        raise InvalidRecordError("nul_character", "a text holds the character U+0000")
    return event


def _check_spelling(raw: bytes) -> None:
    """The slow path for bytes that are not canonical: every member occurs once, ``type`` is
    there.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            names = [name for name, _ in pairs]
            repeated = sorted({name for name in names if names.count(name) > 1})
            raise InvalidRecordError("repeated_member", f"member {', '.join(repeated)} occurs more than once")
        return members

    if "type" not in json.loads(raw, object_pairs_hook=unique):
        raise InvalidRecordError("invalid_member", "Object missing required field `type`")

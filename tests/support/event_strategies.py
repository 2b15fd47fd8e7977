"""Hypothesis strategies of events: whatever their types allow."""

from typing import Any

from hypothesis import strategies as st

from socialsim.events import EVENT_TYPES, Event
from socialsim.events.types import ID_MAX, TIME_US_MAX

# JSON can carry every character but lone surrogates; NUL is refused, for not every warehouse can
# hold it.
TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
IDS = st.integers(0, ID_MAX) | st.integers(0, 300_000) | st.sampled_from([0, ID_MAX])
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "run_id": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", fullmatch=True),
    "shard": st.integers(0, 4_095),
    "seq": IDS,
    # The second range is that of instants whose varint has eight bytes, which every simulated one
    # is.
    "time_us": st.integers(0, TIME_US_MAX) | st.integers(2**48, 2**53),
    "device": st.sampled_from(["web", "mobile", "tablet"]),
    "version": st.just(1),
    "email": st.sampled_from(["a@example.com", "ß.ü@example.org"]),
    "birthday": st.dates(),
    "country": st.from_regex(r"[A-Z]{2}", fullmatch=True),
    "phone": st.text(TEXT, min_size=1, max_size=32),
    "width_px": st.integers(1, 65_535),
    "height_px": st.integers(1, 65_535),
    "duration_s": st.integers(1, 86_400),
    "watched_s": st.integers(0, 86_400),
    "content_kind": st.sampled_from(["picture", "video"]),
    "caption": st.text(TEXT, max_size=1_000),
    "text": st.text(TEXT, max_size=1_000),
}
SHORT = st.text(TEXT, min_size=1, max_size=64)


def events_of(event_type: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of one type."""
    return st.builds(
        event_type,
        **{name: MEMBERS.get(name, IDS if name.endswith("_id") else SHORT) for name in event_type.__struct_fields__},
    )


#: Any event of any type.
EVENTS = st.sampled_from(list(EVENT_TYPES.values())).flatmap(events_of)

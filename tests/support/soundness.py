"""The rules that every stream of the simulator obeys, as a checker over typed events.

It knows the events and the scenario, nothing of how they were made. Each rule has a name; a stream
that breaks one is answered with breaches that carry the rule, the event and what is wrong with it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from socialsim.events import (
    CommentPosted,
    Event,
    FriendAccepted,
    FriendRequested,
    PictureLiked,
    PicturePosted,
    SessionStarted,
    UserSignedUp,
    VideoLiked,
    VideoPosted,
)
from socialsim.scenario.model import Scenario


class Breach(NamedTuple):
    """One event that breaks one rule."""

    rule: str
    event: Event
    detail: str

    def __str__(self) -> str:
        event = self.event
        return f"{self.rule}: {self.detail}; shard {event.shard} seq {event.seq} at {event.time_us} us: {event}"


class Stream:
    """A run's events and what can be looked up in them: parents by their ids, the first of each."""

    def __init__(self, events: Iterable[Event], scenario: Scenario) -> None:
        self.events: Final = list(events)
        self.scenario: Final = scenario
        self.users: dict[int, UserSignedUp] = {}
        self.requests: dict[int, FriendRequested] = {}
        self.pictures: dict[int, PicturePosted] = {}
        self.videos: dict[int, VideoPosted] = {}
        for event in self.events:
            match event:
                case UserSignedUp():
                    self.users.setdefault(event.user_id, event)
                case FriendRequested():
                    self.requests.setdefault(event.request_id, event)
                case PicturePosted():
                    self.pictures.setdefault(event.picture_id, event)
                case VideoPosted():
                    self.videos.setdefault(event.video_id, event)
                case _:
                    pass


def breaches(events: Iterable[Event], scenario: Scenario) -> list[Breach]:
    """Everything that is wrong with ``events``, which come in any order that keeps each shard's own
    order.
    """
    stream = Stream(events, scenario)
    return [Breach(name, event, detail) for name, rule in RULES.items() for event, detail in rule(stream)]


def assert_sound(events: Iterable[Event], scenario: Scenario) -> None:
    """Fails with the first breaches and the scenario that shows them again."""
    found = breaches(events, scenario)
    listed = "\n".join(map(str, found[:10]))
    assert not found, f"{len(found)} breaches in {scenario}:\n{listed}"


Rule = Callable[[Stream], Iterator[tuple[Event, str]]]


def _gapless_seq(stream: Stream) -> Iterator[tuple[Event, str]]:
    expected: dict[int, int] = {}
    for event in stream.events:
        due = expected.get(event.shard, 0)
        if event.seq != due:
            yield event, f"seq is {event.seq}, due is {due}"
        expected[event.shard] = event.seq + 1


def _time_in_run(stream: Stream) -> Iterator[tuple[Event, str]]:
    first, stop = stream.scenario.start_us, stream.scenario.end_us
    for event in stream.events:
        if not first <= event.time_us < stop:
            yield event, f"the run lasts from {first} to {stop} us"


def _time_order(stream: Stream) -> Iterator[tuple[Event, str]]:
    latest: dict[int, int] = {}
    for event in stream.events:
        before = latest.get(event.shard, event.time_us)
        if event.time_us < before:
            yield event, f"the shard was at {before} us already"
        latest[event.shard] = event.time_us


def _own_shard(stream: Stream) -> Iterator[tuple[Event, str]]:
    scenario = stream.scenario
    for event in stream.events:
        if not 0 <= event.shard < scenario.shards or event.user_id not in scenario.user_range(event.shard):
            yield event, f"user {event.user_id} does not belong to shard {event.shard}"


def _one_run(stream: Stream) -> Iterator[tuple[Event, str]]:
    for event in stream.events:
        if event.run_id != stream.events[0].run_id:
            yield event, f"run id is {event.run_id}, that of the first event is {stream.events[0].run_id}"


def _own_id(event: Event) -> int | None:
    """The id that an event gives to something new, other than a user."""
    match event:
        case FriendRequested():
            return event.request_id
        case PicturePosted():
            return event.picture_id
        case VideoPosted():
            return event.video_id
        case CommentPosted():
            return event.comment_id
        case SessionStarted():
            return event.session_id
        case _:
            return None


def _unique_id(stream: Stream) -> Iterator[tuple[Event, str]]:
    seen: dict[tuple[type[Event], int], Event] = {}
    for event in stream.events:
        new_id = event.user_id if isinstance(event, UserSignedUp) else _own_id(event)
        if new_id is None:
            continue
        if seen.setdefault((type(event), new_id), event) is not event:
            yield event, f"id {new_id} is used a second time"


def _id_of_shard(stream: Stream) -> Iterator[tuple[Event, str]]:
    for event in stream.events:
        new_id = _own_id(event)
        if new_id is not None and new_id % stream.scenario.shards != event.shard:
            yield event, f"id {new_id} belongs to another shard"


def _unique_name(stream: Stream) -> Iterator[tuple[Event, str]]:
    names: set[str] = set()
    for event in stream.events:
        if isinstance(event, UserSignedUp):
            for name in (event.username.casefold(), event.email.casefold()):
                if name in names:
                    yield event, f"{name} is taken"
                names.add(name)


def _parents(stream: Stream, event: Event) -> Iterator[tuple[str, Event | None]]:
    """What must be there before ``event``: its name, and the event if it is there at all."""
    if not isinstance(event, UserSignedUp):
        yield f"acting user {event.user_id}", stream.users.get(event.user_id)
    match event:
        case FriendRequested():
            yield f"receiver {event.receiver_id}", stream.users.get(event.receiver_id)
        case FriendAccepted():
            yield f"requester {event.requester_id}", stream.users.get(event.requester_id)
            yield f"request {event.request_id}", stream.requests.get(event.request_id)
        case PictureLiked():
            yield f"picture {event.picture_id}", stream.pictures.get(event.picture_id)
        case VideoLiked():
            yield f"video {event.video_id}", stream.videos.get(event.video_id)
        case CommentPosted():
            posts: dict[int, PicturePosted] | dict[int, VideoPosted]
            posts = stream.pictures if event.content_kind == "picture" else stream.videos
            yield f"{event.content_kind} {event.content_id}", posts.get(event.content_id)
        case _:
            pass


def _parent_exists(stream: Stream) -> Iterator[tuple[Event, str]]:
    for event in stream.events:
        for name, parent in _parents(stream, event):
            if parent is None:
                yield event, f"{name} does not exist"


def _later_than_parent(stream: Stream) -> Iterator[tuple[Event, str]]:
    for event in stream.events:
        for name, parent in _parents(stream, event):
            if parent is not None and event.time_us <= parent.time_us:
                yield event, f"{name} is of {parent.time_us} us, not earlier"


def _no_self_request(stream: Stream) -> Iterator[tuple[Event, str]]:
    for event in stream.events:
        if isinstance(event, FriendRequested) and event.receiver_id == event.user_id:
            yield event, "the receiver is the requester"


def _one_request(stream: Stream) -> Iterator[tuple[Event, str]]:
    seen: set[tuple[int, int]] = set()
    for event in stream.events:
        if isinstance(event, FriendRequested):
            pair = (event.user_id, event.receiver_id)
            if pair in seen:
                yield event, f"{pair[0]} asks {pair[1]} again"
            seen.add(pair)


def _acceptance_fits(stream: Stream) -> Iterator[tuple[Event, str]]:
    for event in stream.events:
        if isinstance(event, FriendAccepted):
            request = stream.requests.get(event.request_id)
            if request is None:
                yield event, "accepts no request"
            elif (request.user_id, request.receiver_id) != (event.requester_id, event.user_id):
                yield event, f"the request was from {request.user_id} to {request.receiver_id}"


def _one_acceptance(stream: Stream) -> Iterator[tuple[Event, str]]:
    seen: set[int] = set()
    for event in stream.events:
        if isinstance(event, FriendAccepted):
            if event.request_id in seen:
                yield event, f"request {event.request_id} is accepted again"
            seen.add(event.request_id)


def _one_friendship(stream: Stream) -> Iterator[tuple[Event, str]]:
    pairs: set[tuple[int, int]] = set()
    for event in stream.events:
        if isinstance(event, FriendAccepted):
            pair = (min(event.user_id, event.requester_id), max(event.user_id, event.requester_id))
            if pair in pairs:
                yield event, f"{pair[0]} and {pair[1]} are friends already"
            pairs.add(pair)


def _one_like(stream: Stream) -> Iterator[tuple[Event, str]]:
    seen: set[tuple[type[Event], int, int]] = set()
    for event in stream.events:
        if isinstance(event, PictureLiked | VideoLiked):
            content_id = event.picture_id if isinstance(event, PictureLiked) else event.video_id
            like = (type(event), event.user_id, content_id)
            if like in seen:
                yield event, f"{event.user_id} likes {content_id} again"
            seen.add(like)


def _watched(stream: Stream) -> Iterator[tuple[Event, str]]:
    for event in stream.events:
        if isinstance(event, VideoLiked):
            video = stream.videos.get(event.video_id)
            if video is not None and event.watched_s > video.duration_s:
                yield event, f"the video lasts {video.duration_s} s"


def _in_session(stream: Stream) -> Iterator[tuple[Event, str]]:
    """Who acts has begun a session before and has not ended it."""
    ends_us: dict[int, int] = {}
    for event in stream.events:
        if isinstance(event, SessionStarted):
            ends_us[event.user_id] = event.time_us + event.duration_s * 1_000_000
        elif not isinstance(event, UserSignedUp) and event.time_us >= ends_us.get(event.user_id, event.time_us):
            yield event, f"user {event.user_id} is not there"


def _one_session(stream: Stream) -> Iterator[tuple[Event, str]]:
    ends_us: dict[int, int] = {}
    for event in stream.events:
        if isinstance(event, SessionStarted):
            if event.time_us < ends_us.get(event.user_id, event.time_us):
                yield event, f"user {event.user_id} is there already until {ends_us[event.user_id]} us"
            ends_us[event.user_id] = event.time_us + event.duration_s * 1_000_000


def _everybody(stream: Stream) -> Iterator[tuple[Event, str]]:
    missing = [user_id for user_id in range(stream.scenario.users) if user_id not in stream.users]
    if missing and stream.events:
        yield stream.events[-1], f"users {missing[:5]} never signed up"


#: Every rule by its name.
RULES: Final[dict[str, Rule]] = {
    "gapless seq": _gapless_seq,
    "time in run": _time_in_run,
    "time order": _time_order,
    "own shard": _own_shard,
    "one run": _one_run,
    "unique id": _unique_id,
    "id of shard": _id_of_shard,
    "unique name": _unique_name,
    "parent exists": _parent_exists,
    "later than parent": _later_than_parent,
    "no self request": _no_self_request,
    "one request": _one_request,
    "acceptance fits": _acceptance_fits,
    "one acceptance": _one_acceptance,
    "one friendship": _one_friendship,
    "one like": _one_like,
    "watched": _watched,
    "in session": _in_session,
    "one session": _one_session,
    "everybody": _everybody,
}

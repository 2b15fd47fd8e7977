"""A deterministic simulated social network.

>>> import socialsim
>>> scenario = socialsim.Scenario(users=10, days=1, seed=7)
>>> first = next(socialsim.simulate(scenario))
>>> type(first).__name__
'UserSignedUp'
"""

from importlib import import_module

from socialsim._version import __version__

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, without importing typing
if TYPE_CHECKING:
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
        decode,
        encode,
    )
    from socialsim.scenario.model import Scenario, load_scenario, make_scenario
    from socialsim.simulation.iterate import simulate

__all__ = [
    "CommentPosted",
    "Event",
    "FriendAccepted",
    "FriendRequested",
    "PictureLiked",
    "PicturePosted",
    "Scenario",
    "SessionStarted",
    "UserSignedUp",
    "VideoLiked",
    "VideoPosted",
    "__version__",
    "decode",
    "encode",
    "load_scenario",
    "make_scenario",
    "simulate",
]

#: The modules of the names that are not in ``socialsim.events``.
_HOMES = {
    "Scenario": "socialsim.scenario.model",
    "load_scenario": "socialsim.scenario.model",
    "make_scenario": "socialsim.scenario.model",
    "simulate": "socialsim.simulation.iterate",
}


def __getattr__(name: str) -> object:
    """Import names on first access, so that commands start without importing the simulation."""
    if name not in __all__:
        raise AttributeError(f"module 'socialsim' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "socialsim.events")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

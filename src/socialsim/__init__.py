"""A deterministic simulated social network.

>>> import socialsim
>>> scenario = socialsim.Scenario(users=10, days=1, seed=7)
>>> first = next(socialsim.simulate(scenario))
>>> type(first).__name__
'UserSignedUp'
"""

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        """``__version__``, looked up when it is asked for: importing a checkout that is not installed must not fail."""
        if name != "__version__":
            raise AttributeError(f"module 'socialsim' has no attribute {name!r}")
        from socialsim.installation import program_version  # noqa: PLC0415 - nothing else needs the metadata

        return program_version()

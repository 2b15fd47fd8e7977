"""A deterministic simulated social network.

>>> import socialsim
>>> scenario = socialsim.Scenario(users=10, days=1, seed=7)
>>> first = next(socialsim.simulate(scenario))
>>> type(first).__name__
'UserSignedUp'
"""

from importlib.metadata import version

from socialsim.events import (
    CommentPosted,
    Event,
    FriendAccepted,
    FriendRequested,
    PictureLiked,
    PicturePosted,
    UserSignedUp,
    VideoLiked,
    VideoPosted,
    decode,
    encode,
)
from socialsim.scenario.model import Scenario, load_scenario, make_scenario
from socialsim.simulation.iterate import simulate

__version__ = version("socialsim")

__all__ = [
    "CommentPosted",
    "Event",
    "FriendAccepted",
    "FriendRequested",
    "PictureLiked",
    "PicturePosted",
    "Scenario",
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

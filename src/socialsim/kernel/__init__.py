"""Virtual time, actors and random numbers. Knows no user and no post."""

from socialsim.kernel.actor import Actor
from socialsim.kernel.loop import NEVER_US, ActorFailure, DeadlockError, VirtualTimeLoop, new_loop

__all__ = ["NEVER_US", "Actor", "ActorFailure", "DeadlockError", "VirtualTimeLoop", "new_loop"]

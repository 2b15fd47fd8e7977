"""Virtual time, actors and random numbers: a simulation kernel that knows nothing of the
network.
"""

from socialsim.kernel.actor import Actor
from socialsim.kernel.loop import NEVER_US, ActorFailure, DeadlockError, VirtualTimeLoop, new_loop

__all__ = ["NEVER_US", "Actor", "ActorFailure", "DeadlockError", "VirtualTimeLoop", "new_loop"]

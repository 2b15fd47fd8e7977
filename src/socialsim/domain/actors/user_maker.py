"""The maker of users: signs people up at their time and brings them to life."""

from socialsim.domain.actors.context import ShardContext
from socialsim.domain.actors.user import User
from socialsim.domain.messages import NewUserId
from socialsim.events import UserSignedUp
from socialsim.kernel import Actor


class UserMaker(Actor[object]):
    """Sleeps from sign-up to sign-up of one shard."""

    __slots__ = ("_world",)

    def __init__(self, world: ShardContext) -> None:
        super().__init__(world.loop)
        self._world = world

    async def run(self) -> None:
        """Sign up everybody of the shard, in the order of ids, which is the order of time."""
        world = self._world
        for expected_id in world.users:
            await self.pause_until(world.population.sign_up_us(expected_id))
            await self.ask(world.user_store, NewUserId(self))
            if self.answer != expected_id:
                raise AssertionError(f"UserStore gave id {self.answer}, {expected_id} signs up")
            self._sign_up(expected_id)

    def _sign_up(self, user_id: int) -> None:
        world = self._world
        user = User(world, user_id)
        main_device, _ = world.population.devices(user_id)
        profile = world.population.profile(user_id)
        world.emit(UserSignedUp(world.run_id, world.shard, 0, self.loop.now_us, user_id, main_device, *profile))
        world.admit(user)

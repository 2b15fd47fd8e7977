"""The user maker: signs users up at their times and starts their tasks."""

from socialsim.domain.actors.context import ShardContext
from socialsim.domain.actors.user import User
from socialsim.domain.messages import NewUserId
from socialsim.events import UserSignedUp
from socialsim.kernel import Actor


class UserMaker(Actor[object]):
    """Signs up the users of one shard, and sleeps in between."""

    __slots__ = ("_context",)

    def __init__(self, context: ShardContext) -> None:
        super().__init__(context.loop)
        self._context = context

    async def run(self) -> None:
        """Sign up all users of the shard in the order of ids, which is the order of time."""
        context = self._context
        for expected_id in context.users:
            await self.pause_until(context.population.sign_up_us(expected_id))
            await self.ask(context.user_store, NewUserId(self))
            if self.answer != expected_id:
                raise AssertionError(f"UserStore allocated id {self.answer}, expected {expected_id}")
            self._sign_up(expected_id)

    def _sign_up(self, user_id: int) -> None:
        context = self._context
        user = User(context, user_id)
        main_device, _ = context.population.devices(user_id)
        profile = context.population.profile(user_id)
        context.emit(UserSignedUp(context.run_id, context.shard, 0, self.loop.now_us, user_id, main_device, *profile))
        context.admit(user)

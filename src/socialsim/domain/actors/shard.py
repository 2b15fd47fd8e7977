"""The assembly of one shard: its stores and its user maker, started on the loop of its process."""

from socialsim.domain.actors.context import ProcessContext, ShardContext
from socialsim.domain.actors.user_maker import UserMaker


def start_shard(process: ProcessContext, shard: int) -> ShardContext:
    """Start the actors of ``shard``. The user maker starts each user at their sign-up."""
    context = ShardContext(process, shard)
    for actor in (context.user_store, context.content_store, context.friend_store, UserMaker(context)):
        actor.start()
    return context

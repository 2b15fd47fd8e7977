"""Delivery of envelopes to mailboxes at a window's end."""

from collections.abc import Iterable, Mapping
from typing import Final

from socialsim.domain.actors.context import Envelope, Resident
from socialsim.domain.behaviour.feed import FEED_MAX, Trending
from socialsim.domain.messages import PostShared, SuggestionWanted, UserMessage

MAILBOX_MAX: Final = 256  #: unread messages; beyond it the oldest posts are dropped


def deliver(local_users: Mapping[int, Resident], trending: Trending, envelopes: Iterable[Envelope]) -> None:
    """Put messages into the mailboxes of those receivers who are in ``local_users``, in order."""
    find = local_users.get
    for _, user_ids, message in envelopes:
        if type(message) is SuggestionWanted:
            for user in map(find, user_ids):
                if user is not None:
                    user.suggest(message.asker_id)
            continue
        if not user_ids:
            trending.add(message)  # type: ignore[arg-type]  # only posts have no receivers
            continue
        for user in map(find, user_ids):
            if user is None:
                continue  # in another process, which gets the envelope too
            mailbox = user.mailbox
            # Actor.post, inlined for speed: users read mail when they wake, none listens
            if mailbox is None:
                user.mailbox = [message]
            else:
                mailbox.append(message)
                if len(mailbox) > MAILBOX_MAX:
                    user.mailbox = drop_old_posts(mailbox)


def drop_old_posts(mailbox: list[UserMessage]) -> list[UserMessage]:
    """The mailbox with only the latest ``FEED_MAX`` posts; other messages are never dropped."""
    posts = sum(type(message) is PostShared for message in mailbox)
    kept = []
    for message in mailbox:
        if type(message) is PostShared:
            posts -= 1
            if posts >= FEED_MAX:
                continue
        kept.append(message)
    return kept

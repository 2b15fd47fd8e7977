"""From envelopes to mailboxes, at the end of a window."""

from collections.abc import Iterable, Mapping
from typing import Final

from socialsim.domain.actors.context import Envelope, Resident
from socialsim.domain.behaviour.feed import FEED_MAX, Trending
from socialsim.domain.messages import PostShared, SuggestionWanted, UserMessage

MAILBOX_MAX: Final = 256  #: unread messages of a user who stays away; beyond it the oldest posts are dropped


def deliver(local_users: Mapping[int, Resident], trending: Trending, letters: Iterable[Envelope]) -> None:
    """Put letters into the mailboxes of those of their receivers who live here, in the given order."""
    find = local_users.get
    for _, user_ids, message in letters:
        if type(message) is SuggestionWanted:
            for user in map(find, user_ids):
                if user is not None:
                    user.suggest(message.asker_id)
            continue
        if not user_ids:
            trending.add(message)  # type: ignore[arg-type]  # only posts are sent to everybody
            continue
        for user in map(find, user_ids):
            if user is None:
                continue  # lives in another process, which gets the letter too
            mailbox = user.mailbox
            if mailbox is None:  # Actor.post, inlined for speed: users read their mail when they wake, none listens
                user.mailbox = [message]
            else:
                mailbox.append(message)
                if len(mailbox) > MAILBOX_MAX:
                    user.mailbox = forget_old_posts(mailbox)


def forget_old_posts(mailbox: list[UserMessage]) -> list[UserMessage]:
    """All but the oldest posts, as many as a feed can hold; requests and acceptances are never forgotten."""
    posts = sum(type(message) is PostShared for message in mailbox)
    kept = []
    for message in mailbox:
        if type(message) is PostShared:
            posts -= 1
            if posts >= FEED_MAX:
                continue
        kept.append(message)
    return kept

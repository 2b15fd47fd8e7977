"""Lightweight actors: one task, one mailbox, and nothing that a sleeping actor does not need.

A million of them must fit in memory, so a parked actor is one object, its coroutine and its task.
Its mailbox is a list that exists only while it holds messages. Only an actor's own task moves it
out of *running*::

    running ── await self.pause_until(t) ──> sleeping      woken by its timer
    running ── await self.listen() ────────> listening     woken by the next message
    running ── await self.ask(...) ────────> asking        woken by the answer

Await what these three return at once: they have already parked the actor. Messages to a sleeping or
asking actor wait in its mailbox until it reads them (``take_mail``).
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from socialsim.kernel.loop import VirtualTimeLoop

_M = TypeVar("_M")
# Values of ``wake_us`` while an actor waits for no timer. No time is below 0.
_NOT_WAITING: Final = -1
_ASKING: Final = -2


class _Park:
    """Awaiting it yields once.

    ``VirtualTimeLoop.call_soon`` then receives the task's next step and parks it.
    """

    __slots__ = ()
    if TYPE_CHECKING:

        def __await__(self) -> Generator[Any, Any, None]: ...

    else:
        # Implemented in C, without a Python frame: it is awaited several times per event.
        __await__ = staticmethod(partial(iter, (None,)))


class _Now:
    """Awaiting it continues at once."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        return iter(())  # type: ignore[return-value]  # all that await needs


_PARK: Final = _Park()
_NOW: Final = _Now()


class ActorTask(asyncio.Task[None]):
    """A task that knows its actor, so that cancelling it (as ``asyncio.timeout`` does) wakes the
    actor.
    """

    __slots__ = ("actor",)
    actor: "Actor[Any]"

    def cancel(self, msg: object = None) -> bool:
        """Cancel the task: CancelledError is raised where it waits."""
        accepted = super().cancel(msg)
        actor = self.actor
        step = actor.step
        if step is not None:
            actor.step = None
            actor.listening = False
            if actor.wake_us == _ASKING:
                actor.answers_owed += 1
            actor.loop._ready.append(step)
        return accepted


class Actor(Generic[_M]):
    """Base of all actors. ``_M`` is the type of its messages. A subclass defines ``run``.

    ``pause_until``, ``listen`` and ``ask`` park its task. They are plain methods that return an
    awaitable, so a wait costs neither a coroutine nor a Future.
    """

    __slots__ = ("answer", "answers_owed", "listening", "loop", "mailbox", "step", "task", "wake_us")

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self.loop = loop
        self.task: ActorTask | None = None
        self.mailbox: list[_M] | None = None
        self.step: Callable[[], object] | None = None
        self.wake_us = _NOT_WAITING
        self.listening = False
        self.answer: Any = None  #: the answer to the last question
        self.answers_owed = 0  # answers still to come to questions that were abandoned

    def start(self) -> None:
        """Start the actor: ``run`` begins when the loop next drains its ready queue."""
        task = ActorTask(self.run(), loop=self.loop, name=type(self).__name__, context=self.loop.actor_context)
        task.actor = self
        # Neither asyncio's list of all tasks nor its warning about dropped tasks is useful here,
        # and the list costs 200 bytes per task.
        asyncio.tasks._unregister_task(task)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.task = task
        self.loop.watch(self, task)

    def run(self) -> Coroutine[Any, Any, None]:
        """The actor's behaviour, an ``async def`` in the subclass. Returning ends the actor."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Cancel the actor: CancelledError is raised where it waits. No effect once it has
        ended.
        """
        if self.task is not None:
            self.task.cancel()

    # --- waiting, from within the actor's own task ------------------------------------------------

    def pause_until(self, when_us: int) -> _Park:
        """``await self.pause_until(t)`` sleeps until simulated time ``t``; a past time means
        now.
        """
        loop = self.loop
        if when_us < loop.now_us:
            when_us = loop.now_us
        self.wake_us = when_us
        # VirtualTimeLoop.wake_at, inlined for speed. It need not lower next_us, which is unused
        # while the loop runs.
        timers = loop._buckets.get(when_us >> loop._bits)
        if timers is None:
            loop.wake_at(when_us, self)
        else:
            timers.append((when_us, self))
        loop._parking = self
        return _PARK

    def listen(self) -> _Park | _Now:
        """``await self.listen()`` returns when the mailbox holds a message."""
        if self.mailbox:
            return _NOW
        self.wake_us = _NOT_WAITING
        self.listening = True
        self.loop._parking = self
        return _PARK

    def ask(self, other: "Actor[Any]", message: object) -> _Park:
        """``await self.ask(store, message)`` returns when ``store`` has answered, with
        ``self.answer`` set.

        A question that is abandoned (by cancellation or ``asyncio.timeout``) will still be
        answered: the first answer that arrives afterwards is discarded.
        """
        self.wake_us = _ASKING
        loop = self.loop
        # other.post(message), inlined for speed: the store is usually listening.
        mailbox = other.mailbox
        if mailbox is None:
            other.mailbox = [message]
        else:
            mailbox.append(message)
        step = other.step
        if other.listening and step is not None:
            other.listening = False
            other.step = None
            loop._ready.append(step)
        loop._parking = self
        return _PARK

    # --- talking to an actor, from anywhere on the loop -------------------------------------------

    def post(self, message: _M) -> None:
        """Put ``message`` into the mailbox and wake the actor if it is listening. Never waits."""
        mailbox = self.mailbox
        if mailbox is None:
            self.mailbox = [message]
        else:
            mailbox.append(message)
        if self.listening:
            self.listening = False
            step = self.step
            if step is not None:
                self.step = None
                self.loop._ready.append(step)

    def reply(self, answer: object) -> None:
        """Answer this actor's question: its next step is appended to the ready queue."""
        step = self.step
        if step is None or self.answers_owed or self.wake_us != _ASKING:
            if not self.answers_owed:
                raise RuntimeError(f"{self!r} was answered but asks nothing")
            self.answers_owed -= 1
            return
        self.answer = answer
        self.step = None
        self.loop._ready.append(step)

    def take_mail(self) -> list[_M]:
        """Remove and return all messages, in order of arrival."""
        mailbox = self.mailbox
        if mailbox is None:
            return []
        self.mailbox = None
        return mailbox

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

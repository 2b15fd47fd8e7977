"""An asyncio event loop whose clock is an integer of simulated microseconds.

Real ``asyncio.Task`` objects run on it. When no task is ready the clock jumps to the next timer, so
a simulated month takes seconds. Everything happens in one total order: by time, and within one
microsecond by order of scheduling (stock asyncio breaks such ties arbitrarily).

Timers are kept in buckets of ``2**bucket_bits`` microseconds. A bucket is a plain list until it is
due and is then sorted once. This is far cheaper than one heap of all timers because most timers are
far away. ``list.sort`` is stable, which keeps the order of ties without a sequence number per
timer.

Actors (see :mod:`socialsim.kernel.actor`) park without a Future and without a Handle: the task's
next step, which asyncio passes to ``call_soon``, is stored in the actor instead of the ready queue.
"""

import asyncio
import contextvars
from asyncio import events
from bisect import insort_right
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any, Final, NoReturn, Protocol, TypeVar, TypeVarTuple

NEVER_US: Final = 2**62
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_when = itemgetter(0)
#: Python 3.12 and later keep the current task per thread, earlier versions per loop.
_swap_current_task: Final[Callable[[Any, Any], Any]] = getattr(asyncio.tasks, "_swap_current_task", lambda *_: None)


class DeadlockError(RuntimeError):
    """A task was awaited that nothing can wake any more."""


class ActorFailure(Exception):  # noqa: N818 - only the fact: the shard group builds the message
    """An actor raised.

    ``actor`` describes it, ``now_us`` is the simulated time; the cause is chained.
    """

    def __init__(self, actor: str, now_us: int) -> None:
        super().__init__(actor, now_us)
        self.actor = actor
        self.now_us = now_us


class _Timed(Protocol):
    """The target of a timer: its ``step`` runs if it still waits for exactly this timer."""

    wake_us: int
    step: Callable[[], object] | None


class Parkable(_Timed, Protocol):
    """What the loop requires of an actor: it can be parked, woken and cancelled."""

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task that runs the actor; None before it is started."""

    def cancel(self) -> object:
        """Cancel the actor's task."""


class _Callback:
    """A stock asyncio timer in the shape of an actor."""

    __slots__ = ("step", "wake_us")

    def __init__(self, wake_us: int, step: Callable[[], object]) -> None:
        self.wake_us = wake_us
        self.step: Callable[[], object] | None = step


class VirtualTimeLoop(asyncio.AbstractEventLoop):
    """The event loop. ``now_us`` is the simulated time in microseconds since the epoch.

    ``bucket_bits`` trades memory against sorting and never changes the order of anything.
    """

    def __init__(self, start_us: int = 0, bucket_bits: int = 22) -> None:
        self.now_us = start_us
        #: A lower bound for the time of the next timer.
        self.next_us = NEVER_US
        self._bits = bucket_bits
        self._buckets: dict[int, list[tuple[int, _Timed]]] = {}
        self._bucket_heap: list[int] = []
        self._due: list[tuple[int, _Timed]] = []  # the bucket being drained, sorted
        self._due_index = 0  # the next timer in it
        self._due_bucket = -1
        self._ready: deque[Callable[[], object]] = deque()
        # the actor whose task is about to yield its next step
        self._parking: Parkable | None = None
        # shared by all actors: one each would cost 100 bytes
        self._context = contextvars.copy_context()
        self._actors: dict[Parkable, None] = {}
        self._failure: BaseException | None = None
        self._running = False
        self._closed = False

    # --- time -------------------------------------------------------------------------------------

    def time(self) -> float:
        """Simulated seconds since the epoch, for stock asyncio code.

        Exact to 1 us until the year 2112.
        """
        return self.now_us / 1_000_000

    def wake_at(self, when_us: int, target: _Timed) -> None:
        """Wake ``target`` at ``when_us`` unless its ``wake_us`` has another value by then."""
        bucket = when_us >> self._bits
        if bucket <= self._due_bucket:
            insort_right(self._due, (when_us, target), lo=self._due_index, key=_when)
        else:
            timers = self._buckets.get(bucket)
            if timers is None:
                self._buckets[bucket] = [(when_us, target)]
                heappush(self._bucket_heap, bucket)
            else:
                timers.append((when_us, target))
        if when_us < self.next_us:
            self.next_us = when_us

    def run_until(self, end_us: int) -> None:
        """Process everything due before ``end_us``, then set the clock to ``end_us``.

        Raises ActorFailure if an actor raised; the loop is unusable afterwards.
        """
        self._run(self._drain_due, end_us)
        self.now_us = max(self.now_us, end_us)

    def _drain_due(self, end_us: int) -> None:
        self._drain_ready()
        self._check()
        ready = self._ready
        popleft = ready.popleft
        while True:
            due = self._due
            index = self._due_index
            if index == len(due):
                if not self._next_bucket(end_us):
                    break
                continue
            timer_us, target = due[index]
            if timer_us >= end_us:
                self.next_us = timer_us
                break
            self._due_index = index + 1
            step = target.step
            if step is None or target.wake_us != timer_us:
                continue  # cancelled, or already woken by something else
            if timer_us > self.now_us:
                self.now_us = timer_us
            target.step = None
            step()
            while ready:
                popleft()()
            if self._failure is not None:
                self._check()

    def _drain_ready(self) -> None:
        ready = self._ready
        while ready:
            ready.popleft()()

    def _next_bucket(self, end_us: int) -> bool:
        """Make the next bucket the due one, unless it starts at ``end_us`` or later."""
        if not self._bucket_heap:
            self.next_us = NEVER_US
            return False
        begin_us = self._bucket_heap[0] << self._bits
        if begin_us >= end_us:
            self.next_us = begin_us
            return False
        bucket = heappop(self._bucket_heap)
        self._due = self._buckets.pop(bucket)
        self._due.sort(key=_when)
        self._due_index = 0
        self._due_bucket = bucket
        return True

    def run_until_complete(self, future: Coroutine[Any, Any, _T] | asyncio.Future[_T]) -> _T:  # type: ignore[override]
        """Run until ``future`` is done; return its result.

        Raises DeadlockError if nothing can wake it.
        """
        waited = future if isinstance(future, asyncio.Future) else self.create_task(future)
        self.run_until(self.now_us + 1)
        while not waited.done():
            if self.next_us == NEVER_US:
                raise DeadlockError(f"nothing is left that could wake {waited!r}")
            self.run_until(max(self.next_us, self.now_us) + 1)
        return waited.result()

    def _run(self, work: Callable[[*_Ts], None], *args: *_Ts) -> None:
        """Run ``work`` as the thread's running loop, in the actors' context, which no step needs to
        enter again.

        Another loop may be running, for example in a notebook: it is blocked meanwhile, as by any
        long function call.
        """
        if self._closed:
            raise RuntimeError("the loop is closed")
        if self._running:
            raise RuntimeError("the loop is running already")
        outer_loop = events._get_running_loop()
        outer_task = _swap_current_task(outer_loop, None) if outer_loop is not None else None
        events._set_running_loop(self)
        self._running = True
        try:
            self._context.run(work, *args)
        finally:
            self._running = False
            events._set_running_loop(outer_loop)
            if outer_loop is not None:
                _swap_current_task(outer_loop, outer_task)

    # --- tasks and callbacks ----------------------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle | None:
        """As in asyncio, except that an actor's steps get no handle and a parking actor keeps its
        step.
        """
        actor = self._parking
        if actor is not None:
            self._parking = None
            if callback.__self__ is not actor.task:  # type: ignore[attr-defined]
                raise RuntimeError(f"{actor!r} was awaited by a task that is not its own")
            actor.step = callback
            return None
        if context is self._context:  # already entered by _run
            self._ready.append(partial(callback, *args) if args else callback)
            return None
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(partial(self._run_handle, handle))
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in asyncio; ``when`` in simulated seconds, rounded to the microsecond; never in the
        past.
        """
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._set_timer(max(round(when * 1_000_000), self.now_us), handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in asyncio; ``delay`` in simulated seconds, rounded to the microsecond."""
        handle = asyncio.TimerHandle(self.time() + delay, callback, args, self, context)
        # Not by ``call_at``: the sum of two floats may be off by a microsecond.
        self._set_timer(self.now_us + max(round(delay * 1_000_000), 0), handle)
        return handle

    def _set_timer(self, when_us: int, handle: asyncio.TimerHandle) -> None:
        self.wake_at(when_us, _Callback(when_us, partial(self._run_handle, handle)))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: a cancelled timer stays in its bucket and is skipped when due."""

    @staticmethod
    def _run_handle(handle: asyncio.Handle) -> None:
        if not handle.cancelled():
            handle._run()

    def create_future(self) -> asyncio.Future[Any]:
        """A Future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, _T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **options: Any,
    ) -> asyncio.Task[_T]:
        """A plain task of this loop, for stock asyncio code.

        Actors are started by ``Actor.start``.
        """
        return asyncio.Task(coro, loop=self, name=name, context=context, **options)

    # --- actors -----------------------------------------------------------------------------------

    def watch(self, actor: Parkable, task: asyncio.Task[None]) -> None:
        """Supervise ``task`` of ``actor``: an exception in it ends the run."""
        self._actors[actor] = None
        task.add_done_callback(self._actor_done, context=self._context)

    @property
    def actor_context(self) -> contextvars.Context:
        """The context that all actors share."""
        return self._context

    def _actor_done(self, task: asyncio.Task[None]) -> None:
        actor: Parkable = task.actor  # type: ignore[attr-defined]
        self._actors.pop(actor, None)
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                failure = ActorFailure(repr(actor), self.now_us)
                failure.__cause__ = error
                self._failure = self._failure or failure

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Let an exception in a callback end the run too: nothing fails silently."""
        if self._failure is None and (error := context.get("exception")) is not None:
            self._failure = error

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    # --- the rest of asyncio's interface ----------------------------------------------------------

    def is_running(self) -> bool:
        """Whether the loop is processing events now."""
        return self._running

    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def get_debug(self) -> bool:
        """Always False: asyncio's debug mode reads the wall clock."""
        return False

    def close(self) -> None:
        """Cancel all actors, let their ``finally`` blocks run and drop all timers.

        May be called twice.
        """
        if self._closed:
            return
        self._failure = None
        for actor in list(self._actors):
            actor.cancel()
        try:
            self._run(self._drain_ready)
        finally:
            self._closed = True
            self._buckets.clear()
            self._bucket_heap.clear()
            self._due.clear()
            self._due_index = 0
            self._actors.clear()

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: the loop keeps no list of asynchronous generators."""

    def run_forever(self) -> NoReturn:
        """Refused: without an end, a simulated clock would run forever."""
        raise NotImplementedError("say until when: run_until(end_us)")


def new_loop(start_us: int = 0, bucket_bits: int = 22) -> VirtualTimeLoop:
    """Make a VirtualTimeLoop. typeshed declares asyncio's I/O methods, which it lacks, as
    abstract.
    """
    return VirtualTimeLoop(start_us, bucket_bits)  # type: ignore[abstract]

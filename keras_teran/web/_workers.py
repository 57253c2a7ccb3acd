"""Slow work in threads, bounded in number and in time."""

import asyncio
import concurrent.futures
import functools

from keras_teran.web._guard import Refused


class Workers:
    """Runs blocking calls beside the event loop.

    A thread cannot be stopped: one that is given up keeps its place among the workers
    until it ends. The others go on; when all places and the line are taken, callers
    are told to come back.

    Args:
        limits: `Limits`; `timeout`, `workers` and `waiting` count here.
    """

    def __init__(self, limits):
        self._limits = limits
        self._pool = concurrent.futures.ThreadPoolExecutor(limits.workers, "search")
        self._places = asyncio.BoundedSemaphore(limits.waiting)

    async def call(self, function, *args, **kwargs):
        """What `function(*args, **kwargs)` returns or raises.

        Raises:
            Refused: 503 when the line is full, 504 when it took too long.
        """
        if self._places.locked():
            raise Refused(503, "Too many searches at once; try again in a moment.")
        await self._places.acquire()
        work = self._pool.submit(functools.partial(function, *args, **kwargs))
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda _: self._release(loop))
        try:
            async with asyncio.timeout(self._limits.timeout):
                # Cancelling takes work out of the line; what runs goes on, unheard.
                return await asyncio.wrap_future(work)
        except TimeoutError:
            if work.done() and not work.cancelled():
                return work.result()  # it timed out itself, or was just in time
            seconds = self._limits.timeout
            raise Refused(504, f"No answer within {seconds:g} seconds.") from None

    def close(self):
        """Takes no more work and drops what is in line."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _release(self, loop):
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._places.release)

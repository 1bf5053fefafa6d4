"""Event loops that the SDK leaves open in tests where an engine goes away from a program."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

STOPPING_S = 30.0


@contextmanager
def loops_closed() -> Iterator[None]:
    """Close what the SDK leaves open where the engine goes away from a program (`Run` of its automation/_server.py).

    It waits there for the tasks that it has cancelled, and one that ends in an error keeps it from closing their loop.
    """
    made: list[asyncio.AbstractEventLoop] = []
    new = asyncio.new_event_loop

    def noted() -> asyncio.AbstractEventLoop:
        made.append(new())
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", noted)
        yield
    for loop in made:
        until = time.monotonic() + STOPPING_S
        while loop.is_running():
            assert time.monotonic() < until
            time.sleep(0.02)
        tasks = [] if loop.is_closed() else list(asyncio.all_tasks(loop))
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

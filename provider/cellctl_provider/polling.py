"""One way to wait for a service: look, wait, look again, up to a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cellctl_provider.context import Context
from cellctl_provider.protocol import ProviderError

T = TypeVar("T")


def poll(
    context: Context,
    look: Callable[[], T | None],
    *,
    what: str,
    every_s: float,
    limit_s: float,
    times: int = 1,
    why: Callable[[], str] = str,
) -> T:
    """Return what `look` gives once it has given something `times` times in a row, `every_s` seconds apart.

    The limit counts waited seconds, not the service's own. `look` may raise to end the wait; `why` says what stood in
    the way the last time, `` if that is not known.

    Raises:
        ProviderError: `what` did not happen within the limit (code `unreachable`), or the operation was cancelled.
    """
    waited = 0.0
    row = 0
    while True:
        found = look()
        row = row + 1 if found is not None else 0
        if found is not None and row >= times:
            return found
        if waited >= limit_s:
            last = f": {why()}" if why() else ""
            raise ProviderError(f"{what} did not happen within {limit_s / 60:.0f} minutes{last}", code="unreachable")
        context.sleep(every_s)
        waited += every_s

"""What a service that embeds cellctl may put in: who authorises, where secrets are, what time it is, who traces.

    hooks = Hooks(authorise=ours.judge, passphrase=ours.vault.read, tracer=trace.get_tracer("shop"))
    cell = AsyncCell.open("acme", home=home)
    await cell.up(ask=ours.ask, options=RunOptions(hooks=hooks))

A hook belongs to one run; nothing is set for the process. `authorise`, `passphrase` and `secrets` may be coroutine
functions where the run is awaited: they are then called on its event loop. Everything they raise ends the run; the
first two with nothing changed.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from cellctl.errors import Objection, UsageError
from cellctl.plan import Plan

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

T = TypeVar("T")
Authorise: TypeAlias = Callable[[Plan], Sequence[Objection] | Awaitable[Sequence[Objection]]]
Passphrase: TypeAlias = Callable[[str], str | Awaitable[str]]
Secrets: TypeAlias = Callable[[str], str | Awaitable[str | None] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hooks:
    """What a caller puts into a run; each is optional.

    `authorise` gets every Plan before its change, after the guards; what it objects to is refused as a guard refuses
    (GuardError). `passphrase` gets the stack's name (`cell-acme`) and returns what its state is sealed with; it must
    return the same for ever, and then the home's own key file is neither made nor read. `secrets` gets the reference of
    a secret that a cell file names and cellctl does not make, such as that of the licence (an ARN, or the URI of a Key
    Vault secret), when a run needs it; it returns the value, or None for the store that the reference is of. `now`
    returns unix seconds: the time of events, of freezes and of an approval's expiry (never of leases, which have a
    clock of their own). `tracer` is OpenTelemetry's: a span for each run, and within it one for each resource.
    """

    authorise: Authorise | None = None
    passphrase: Passphrase | None = None
    secrets: Secrets | None = None
    now: Callable[[], float] = time.time
    tracer: Tracer | None = None


NONE = Hooks()


def present(value: T | Awaitable[T]) -> T:
    """Return what a callback returned; one that is yet to be awaited cannot be had where nothing awaits.

    Raises:
        UsageError: It is an awaitable (code `not_awaited`).
    """
    if not isinstance(value, Awaitable):
        return value
    close = getattr(value, "close", None)
    if callable(close):
        close()  # else Python warns that it was never awaited
    raise UsageError("a coroutine function cannot be called from here", hint="use AsyncCell", code="not_awaited")

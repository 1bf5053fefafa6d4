"""What a caller may say about one run, and the callbacks through which a run speaks: values, nothing that runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from cellctl.approval import Approval
from cellctl.errors import Objection
from cellctl.events import Event
from cellctl.hooks import NONE, Hooks, present
from cellctl.plan import Plan

if TYPE_CHECKING:
    from cellctl.engine.operation import Start
    from cellctl.manifest import Manifest

RefreshScope = Literal["none", "stateful", "all"]

OnEvent: TypeAlias = Callable[[Event], None]
Ask: TypeAlias = Callable[[Plan, Sequence[Objection]], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """Options of one run; the defaults are the safe ones.

    `refresh`: which resources are Read before the plan. `allow`: URNs whose deletion or replacement is allowed although
    they are stateful; `accept_loss`: those that may go without a proven backup too. `override`: codes of refusals
    (`frozen`, `policy_retention`) that the caller takes upon himself. `adopt`: URN -> cloud id of the object to take
    over for a stateful resource that is gone; `importing`: those of them that the stack does not know yet. `forget`:
    URNs of gone stateful resources to drop from the state, so that the plan creates them anew. `parallel`: engine steps
    at once. `at_once`: cells that a look at many works on side by side, in the sandbox one for
    each core at most. `clock`: of the sandbox, ``
    for its own setting, `stepped` or a scale. `engine`: `embedded`, `pulumi` or `` (by account). `deadline_s`: the
    operation is interrupted after so many seconds, 0 for never. `command`: the words the user typed, for the lease and
    the run record. `environment`: the caller's environment; of it only PATH and the like, and for a real account what
    proves this machine's identity, reach an engine. `start` makes the operation process, None for a fresh interpreter.
    `approval`: the plan that was approved; `up` applies nothing else; `manifest`: who approved it by signature.
    `hooks`: what the caller puts in.
    """

    refresh: RefreshScope = "stateful"
    allow: frozenset[str] = frozenset()
    accept_loss: frozenset[str] = frozenset()
    override: frozenset[str] = frozenset()
    adopt: Mapping[str, str] = field(default_factory=dict)
    importing: frozenset[str] = frozenset()
    forget: frozenset[str] = frozenset()
    parallel: int = 16
    at_once: int = 4
    clock: str = ""
    engine: str = ""
    deadline_s: float = 0.0
    command: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    start: Start | None = None
    approval: Approval | None = None
    manifest: Manifest | None = None
    hooks: Hooks = NONE

    def passphrase(self, stack: str) -> str:
        """Return what the caller seals a stack's state with, `` where that is the home's own key."""
        return present(self.hooks.passphrase(stack)) if self.hooks.passphrase is not None else ""

    def secret(self, reference: str) -> str | None:
        """Return what the caller has for the reference of a secret, None where it has none."""
        return present(self.hooks.secrets(reference)) if self.hooks.secrets is not None else None


class Interrupter:
    """A switch that stops a run: once is graceful, again is at once. Safe from any thread and from a signal handler.

    The CLI calls `interrupt()` from its SIGINT handler; a run registers what reacts with `on_interrupt`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._count = 0
        self._react: Callable[[int], None] | None = None

    @property
    def count(self) -> int:
        """How often `interrupt` was called."""
        return self._count

    def interrupt(self) -> None:
        """Ask the run to stop: the first call finishes what is under way, the second ends it, the third kills."""
        with self._lock:
            self._count += 1
            if self._react is not None:
                self._react(self._count)

    def on_interrupt(self, react: Callable[[int], None] | None) -> None:
        """Call `react` with the count at each interrupt; at once if there was one already."""
        with self._lock:
            self._react = react
            if react is not None and self._count:
                react(self._count)


def ignore_event(event: Event) -> None:
    """Drop an event: the default of every `on_event`."""

"""The nodes of a cell as Octopus itself has them: asked of whichever node answers, because all share one database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cellctl.state.values import Struct
from cellctl_provider.context import Context
from cellctl_provider.octopus.api import Door, OctopusApi, opened, text
from cellctl_provider.protocol import ProviderError

_NODES = "/api/octopusservernodes"
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One registered node."""

    id: str
    name: str
    cap: int
    draining: bool
    running: int
    offline: bool


class Cluster:
    """Reads and changes the registered nodes with an API key; `doors` are asked in turn."""

    def __init__(self, context: Context, doors: Sequence[Door], key: str) -> None:
        self._context = context
        self._doors = doors
        self._key = key

    def rows(self) -> list[Row]:
        """Return all registered nodes."""
        return self._asked(lambda api: [_row(item) for item in api.objects(f"{_NODES}/summary", "Nodes")])

    def row(self, name: str) -> Row | None:
        """Return a node by its name, None if it is not registered."""
        return next((row for row in self.rows() if row.name.casefold() == name.casefold()), None)

    def change(self, row: Row, *, cap: int | None = None, draining: bool | None = None) -> None:
        """Set a node's task cap, drain or undrain it; what is already so is not sent."""
        same_cap, same_drain = cap in (None, row.cap), draining in (None, row.draining)
        if same_cap and same_drain:
            return

        def put(api: OctopusApi) -> None:
            known = api.object("GET", f"{_NODES}/{row.id}")
            known["MaxConcurrentTasks"] = row.cap if cap is None else cap
            known["IsInMaintenanceMode"] = row.draining if draining is None else draining
            api.object("PUT", f"{_NODES}/{row.id}", known)

        self._asked(put)

    def remove(self, row: Row) -> None:
        """Take a node out; one that is gone already is fine."""

        def delete(api: OctopusApi) -> None:
            try:
                api.call("DELETE", f"{_NODES}/{row.id}")
            except ProviderError as error:
                if error.code != "not_found":
                    raise

        self._asked(delete)

    def cancel_tasks(self, row: Row) -> int:
        """Cancel every task that a node runs; return how many."""

        def cancel(api: OctopusApi) -> int:
            found = api.objects(f"/api/tasks?node={row.id}&states=Executing", "Items")
            for task in found:
                api.call("POST", f"/api/tasks/{text(task, 'Id')}/cancel")
            return len(found)

        return self._asked(cancel)

    def _asked(self, ask: Callable[[OctopusApi], _T]) -> _T:
        """Ask the first node that answers.

        Raises:
            ProviderError: No node answers (`unreachable`), or Octopus refuses.
        """
        silent: list[str] = []
        for door in self._doors:
            try:
                with opened(self._context.dialer, door, key=self._key) as api:
                    return ask(api)
            except ProviderError as error:
                if error.code != "unreachable":
                    raise
                silent.append(door.node)
        raise ProviderError(f"no node answers: {', '.join(silent)}", code="unreachable")


def _row(document: Struct) -> Row:
    cap, running = document.get("MaxConcurrentTasks"), document.get("RunningTaskCount")
    return Row(
        id=text(document, "Id"),
        name=text(document, "Name"),
        cap=int(cap) if isinstance(cap, int | float) else 0,
        running=int(running) if isinstance(running, int | float) else 0,
        draining=document.get("IsInMaintenanceMode") is True,
        offline=document.get("IsOffline") is True,
    )

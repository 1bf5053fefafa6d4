"""Reefs beside their runs: what they have, their cordons, and their growth in the file."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import CellctlError, Objection, UsageError
from cellctl.facts.capacity import capacity
from cellctl.facts.conditions import at
from cellctl.run import registering
from cellctl.run.target import REEF, record_of
from cellctl.state.files import write_atomically

if TYPE_CHECKING:
    from cellctl.home import Account, Home
    from cellctl.plan import Plan
    from cellctl.registry.reef_view import Part, ReefView
    from cellctl.run.options import Ask
    from cellctl.spec.reef import ReefSpec

_FIELDS = {"gateways": "storage", "hosts": "database"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefStatus:
    """A reef as the registry has it; `known` is None where it was never brought up."""

    name: str
    cloud: str
    account: str
    region: str
    known: ReefView | None
    low_water: int = 3

    @property
    def low(self) -> tuple[str, ...]:
        """What is below the low water while cells still may come: `gateways`, `hosts`."""
        known = self.known
        if known is None or known.state != "in_service" or len(known.cells) >= known.max_cells:
            return ()
        parts = {**({} if known.own_files else {"gateways": known.gateways}), "hosts": known.hosts}
        free = {name: sum(map(_free, found)) for name, found in parts.items()}
        wanted = min(self.low_water, known.max_cells - len(known.cells))
        return tuple(name for name, number in free.items() if number < wanted)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grown:
    """A reef with more of something. The file gets `text` when somebody has said yes to the plan."""

    spec: ReefSpec
    file: Path
    text: str

    def asking(self, ask: Ask) -> Ask:
        """Return the question, and write the file where the answer is yes."""

        def asked(plan: Plan, objections: Sequence[Objection]) -> bool:
            answer = ask(plan, objections)
            if answer and not objections:
                write_atomically(self.file, self.text.encode())
                os.chmod(self.file, 0o644)
            return answer

        return asked


def status(home: Home, name: str) -> ReefStatus:
    """Return what the registry knows of a reef.

    Raises:
        UsageError: There is no such reef.
        RegistryError: The registry cannot be reached.
    """
    cloud, account, region = _where(home, name)
    known = None
    if home.private.exists():
        from cellctl.registry import reef_view

        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        with registering.opened(home) as database, database.read() as connection:
            known = reef_view.view(connection, registering.account_key(home, account), name, today=today)
    return ReefStatus(
        name=name, cloud=cloud, account=account.name, region=region, known=known, low_water=_low_water(home, name)
    )


def cordon(home: Home, name: str, part: str = "", *, on: bool) -> str:
    """Let a reef, or a host or gateway of it, take no new cells, or take them again; return its state then."""
    from cellctl.registry import reefs

    _, account, _ = _where(home, name)
    with registering.opened(home) as database:
        return reefs.set_cordon(database, registering.account_key(home, account), name, part, on=on)


def grown(spec: ReefSpec, file: Path | None, *, gateways: int, hosts: int) -> Grown:
    """Return the reef with more gateways and hosts, and the text of its file that says so.

    Raises:
        UsageError: Nothing is to be added, or the file cannot be changed in this one place (code `write_it`).
        SpecError: More than a reef can have.
    """
    from cellctl.spec.reef_file import loads_reef

    if gateways and capacity(spec.spec.cloud).own_files:
        message = f"a reef on {spec.spec.cloud} has no gateways: each cell brings its own storage account"
        raise UsageError(message, hint="say --hosts 1", code="no_gateways")
    if file is None or not (gateways or hosts):
        raise UsageError("nothing is to be added", hint="say --gateways 1 or --hosts 1", code="nothing_to_add")
    text = file.read_text(encoding="utf-8")
    before = {"gateways": spec.spec.storage.gateways, "hosts": spec.spec.database.hosts}
    wanted = {"gateways": before["gateways"] + gateways, "hosts": before["hosts"] + hosts}
    for key, number in wanted.items():
        text, count = re.subn(rf"\b{key}: {before[key]}\b", f"{key}: {number}", text)
        if number != before[key] and count != 1:
            hint = f"write {_FIELDS[key]}: {{{key}: {number}}} into {file}, then: cellctl reef up {spec.metadata.name}"
            raise UsageError(f"{file} does not say {key} in one plain place", hint=hint, code="write_it")
    return Grown(spec=loads_reef(text, str(file)), file=file, text=text)


def _free(part: Part) -> int:
    return part.slots.get("available", 0) if part.state == "in_service" else 0


def _low_water(home: Home, name: str) -> int:
    """Return the low water that the reef's file says, else the one that its stack was made with."""
    from cellctl.home.reefs import find_reef
    from cellctl.spec.reef import ReefBody

    default: int = ReefBody.model_fields["low_water"].default
    try:
        spec = find_reef(home, name, command="status").spec
    except CellctlError:
        spec = None
    if spec is not None:
        return spec.spec.low_water
    recorded = at(record_of(home, f"{REEF}{name}"), "spec.spec.lowWater")
    return int(recorded) if isinstance(recorded, int | float) else default


def _where(home: Home, name: str) -> tuple[str, Account, str]:
    """Return cloud, account and region of a reef: from its stack, else from its file."""
    from cellctl.home.reefs import find_reef

    record = record_of(home, f"{REEF}{name}")
    if record:
        return str(record.get("cloud")), home.account(str(record.get("account"))), str(record.get("region"))
    spec = find_reef(home, name, command="status").spec
    if spec is None:
        raise UsageError(f"nothing says where reef '{name}' is", hint=f"reefs/{name}.yaml is needed", code="no_reef")
    return spec.spec.cloud, home.account(spec.spec.account), spec.spec.region

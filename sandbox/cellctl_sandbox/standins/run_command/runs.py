"""What a script does to a simulated machine, and how the run ended. The sandbox knows provider cellctl's own only.

No PowerShell and no bash runs here. The script's text is compared, its action and version are taken from its call, and
the effect on Octopus Server is what the documentation says of the commands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from cellctl.state.values import Struct
from cellctl_provider.octopus.machines import SCRIPT, SHELL_SCRIPT, System
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.octopus.cluster import Cluster, Moment
from cellctl_sandbox.standins.octopus.nodes import NodeFacts

SECONDS = {"fetch": 60.0, "stop": 20.0, "start": 60.0, "upgrade": 240.0, "queue": 90.0}
"""How long each action takes. Source: estimate; Octopus says 5 to 10 minutes for a whole upgrade (2026-11)."""
SHELL_CALL = re.compile(
    r"(?P<script>.*)\nmain '(?P<action>[a-z]*)' '(?P<version>[0-9.]*)'(?: '(?P<told>[^']*)')?", re.DOTALL
)
"""Provider cellctl's script in bash, with the call of one action in it."""
_NEWEST_YEAR = 2099
_VERSION = re.compile(r"(?P<year>\d{4})\.\d+\.\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of a script on one machine; `failed` is what it said before it gave up."""

    id: str
    machine: str
    done_s: float
    failed: str = ""


class Runs:
    """All runs of one sandbox, kept in `documents`.

    `told` writes down what a machine was told of a queue, and says why that fails, `` if it does not.
    """

    def __init__(
        self,
        documents: Documents,
        cluster: Cluster,
        *,
        told: Callable[[str, Mapping[str, str]], str] = lambda _, __: "no queue is known here",
    ) -> None:
        self._documents = documents
        self._cluster = cluster
        self._told = told

    @property
    def now(self) -> float:
        """Return simulated seconds."""
        return self._cluster.catalogue.now()

    def knows(self, machine: str) -> bool:
        """Tell whether an agent on this machine takes commands: it exists and has booted."""
        return self._node(machine) is not None

    def begin(
        self,
        run_id: str,
        machine: str,
        *,
        script: str,
        action: str,
        version: str,
        system: System = "windows",
        more: Mapping[str, str] | None = None,
    ) -> Run:
        """Start a script; its effect on Octopus Server begins at once. `more` are its other parameters."""
        node = self._node(machine)
        failed = _refusal(script, action, version, system)
        if node is not None and node.system != system:
            failed = f"a document for {system} does not run on {node.system}"
        with self._documents.transaction() as transaction:
            count = len(transaction.all("run"))
        if node is not None and not failed and action == "queue":
            failed = self._told(machine, more or {})
        if node is not None and not failed:
            with self._cluster.moment(node.cell) as moment:
                failed = _act(moment, node, action, version)
        run = Run(
            id=run_id or f"run-{count + 1}", machine=machine, failed=failed, done_s=self.now + SECONDS.get(action, 1.0)
        )
        with self._documents.transaction() as transaction:
            transaction.put("run", f"{machine}/{run.id}", asdict(run))
        return run

    def find(self, run_id: str, machine: str) -> Run | None:
        """Return a run."""
        with self._documents.transaction() as transaction:
            found = transaction.get("run", f"{machine}/{run_id}")
        return _run(found) if found else None

    def _node(self, machine: str) -> NodeFacts | None:
        catalogue = self._cluster.catalogue
        found = (node for node in catalogue.nodes() if node.machine.lower() == machine.lower())
        return next((node for node in found if node.up_from_s <= catalogue.now()), None)


def _refusal(script: str, action: str, version: str, system: System) -> str:
    if script.strip() != (SHELL_SCRIPT if system == "linux" else SCRIPT).strip():
        return "the sandbox runs provider cellctl's own script only"
    if action not in SECONDS:
        return f"there is no action '{action}'"
    year = _VERSION.fullmatch(version)
    if action in ("fetch", "upgrade") and (year is None or int(year["year"]) > _NEWEST_YEAR):
        return f"Octopus {version or '?'} cannot be downloaded: (404) Not Found"
    return ""


def _act(moment: Moment, node: NodeFacts, action: str, version: str) -> str:
    """Let an action begin; return why it fails, if it does."""
    installed = moment.machines[node.name].version
    if action == "upgrade" and tuple(map(int, version.split("."))) < tuple(map(int, installed.split("."))):
        return f"Octopus {installed} is installed, which is newer than {version}"
    if action != "fetch":
        kept = version if action == "upgrade" else installed
        moment.command(node, running=action != "stop", version=kept, seconds=SECONDS[action])
    return ""


def _run(document: Struct) -> Run:
    done = document["done_s"]
    return Run(
        id=str(document["id"]),
        machine=str(document["machine"]),
        failed=str(document["failed"]),
        done_s=float(done) if isinstance(done, int | float) else 0.0,
    )

"""What the library asks of an engine host and of a sandbox; both are found through entry points, never imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pulumi.automation import PulumiCommand

    from cellctl.dialer import Dialer
    from cellctl.state.values import Value
    from cellctl.verify.gates import GatewayReader


class EngineHost(Protocol):
    """An engine for the length of one operation process, with what its providers need (stand-ins, clock)."""

    @property
    def name(self) -> str:
        """`embedded` or `pulumi`."""

    @property
    def version(self) -> str:
        """Version of the engine."""

    @property
    def command(self) -> PulumiCommand:
        """The command that the Automation API drives."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for the workspace, beyond those cellctl sets itself."""

    @property
    def dialer(self) -> Dialer:
        """How endpoints are reached while this host is open."""

    def simulated_now(self) -> float | None:
        """Return simulated seconds since the sandbox's epoch, None where clouds are real."""

    def sleep(self, seconds: float) -> None:
        """Wait, in simulated time where clouds are simulated. For what polls beside the engine, such as `verify`."""

    def interrupt(self) -> None:
        """React as the CLI does to SIGINT: finish what is under way, start nothing new. From any thread."""

    def close(self) -> None:
        """Stop stand-ins and release the clock."""


class AccountReader(Protocol):
    """What a host may know of the account that it works in; one that counts nothing has no such methods."""

    def cloud_now(self) -> float:
        """Return what time it is for the clouds, in unix seconds."""

    def usage(self, quota: str, *, inside: str, account: str, region: str) -> Mapping[str, Value] | None:
        """Return `{"used", "limit", "because"}` of a quota `SERVICE.NAME`, None where it is not counted.

        `inside`: the object that it is counted in, `` for one of the account or region. `doubt`, where there is one,
        says why these are not the account's own numbers; `used` is None where it is not known.
        """

    def offered(self, size: Mapping[str, Value], *, account: str, region: str) -> Mapping[str, Value] | None:
        """Return `{"zones", "doubt"}`: the zones that offer a size, or why that is not known; None if nobody can ask.

        `size` is `{"kind", "name", "engine", "zones"}`: `machine` or `database`, and the zones that it may stand in.
        """


class SiteReader(Protocol):
    """Looks into an account for what a spec names there; a host that cannot has no `sites`."""

    def look(self, account: str, question: Mapping[str, Value]) -> dict[str, Value]:
        """Return what is there (docs/guides/existing-networks.md); what is not is absent.

        EngineError if the account does not answer (code `site_unseen`).
        """


class AlarmReader(Protocol):
    """Says how alarms stand; a host that cannot has no `alarms`."""

    def states(self, names: Sequence[str], *, region: str) -> Mapping[str, Mapping[str, Value]]:
        """Return `{"state", "why"}` by name: CloudWatch's words for states, `GONE` where there is none of the name.

        EngineError if the account does not answer (code `alarms_unseen`).
        """


class QuotaReader(Protocol):
    """Asks a real account what it was raised to and what is in use."""

    def usage(self, quota: str, *, inside: str, region: str) -> Mapping[str, Value] | None:
        """Return a row as `AccountReader.usage` does; what cannot be asked is the default, with a `doubt`."""

    def offered(self, size: Mapping[str, Value], *, region: str) -> Mapping[str, Value] | None:
        """Return a row as `AccountReader.offered` does."""

    def close(self) -> None:
        """Close what it holds."""


class QuotaReaderFactory(Protocol):
    """Entry-point group `cellctl.quotas`, one for each cloud."""

    def __call__(self, *, account: str, role: str, tenant: str, environment: Mapping[str, str]) -> QuotaReader:
        """Return what asks an account by its id, as its role or application; `environment` proves who asks."""


class PluginPlacer(Protocol):
    """Puts plugins into a PULUMI_HOME (entry-point group `cellctl.plugins`)."""

    def __call__(self, pulumi_home: Path) -> None:
        """Write what the real CLI launches; what is there already stays."""


class PluginSandbox(EngineHost, AccountReader, Protocol):
    """A sandbox whose providers the real CLI can load too."""

    def plugins(self, pulumi_home: Path, *, clock: str = "") -> Mapping[str, str]:
        """Write launchers into a PULUMI_HOME; return the variables that the engine must hand on to them."""

    def desk(self) -> Mapping[str, str]:
        """Serve the providers from this process too, until `close`; return the variables that lead launchers to it."""


class GatewayReaderFactory(Protocol):
    """Entry-point group `cellctl.gateways`."""

    def __call__(self, role: str, account: str) -> GatewayReader:
        """Return what looks at gateways of a real account, as its role."""


class LicenceReader(Protocol):
    """What a host's `secrets` may know of licences; a licence itself never leaves it."""

    def licensed_nodes(self, reference: str) -> int:
        """Return how many nodes the licence in a secret allows.

        EngineError if there is none (code `secret_missing`) or nobody can tell (another code).
        """


class HostFactory(Protocol):
    """Entry-point group `cellctl.engines`."""

    def __call__(self, *, home: Path, cell: str, cloud: str, clock: str = "") -> EngineHost:
        """Open a host. `home` is the home's root; `clock` is `` (the sandbox's own setting), `stepped` or a scale."""


class SandboxControl(Protocol):
    """Entry-point group `cellctl.sandboxes`: what `cellctl sandbox …` needs. JSON-like values in and out."""

    def show(self) -> Mapping[str, object]:
        """Return every simulated object.

        `{"accounts": [{"cloud", "account", "objects": [{"type", "id", "name", "cell", "urn", "state"}]}]}`.
        """

    def known(self, what: str) -> list[str]:
        """Return words for completion: types, names, ids, quotas, held, accounts, regions; loads nothing heavy."""

    def reset(self, *, seed: int | None = None) -> int:
        """Delete every simulated object, rule and held name; return how many objects there were.

        With a seed, which decides all that is random, time begins at 0 again.
        """

    def faults(self) -> list[Mapping[str, object]]:
        """Return the fault rules in force, oldest first, each with its `id`."""

    def add_fault(self, rule: Mapping[str, object]) -> int:
        """Add a fault rule (docs/sandbox.md) and return its id; ValueError on an unknown field or value."""

    def clear_faults(self, rule_id: int | None = None) -> int:
        """Remove one or all fault rules; return how many."""

    def calls(self) -> list[Mapping[str, object]]:
        """Return the call log, oldest first.

        `{"at_s", "due_s", "pid", "operation", "package", "type", "urn", "object", "outcome"}`, times simulated.
        """

    def set_ambient(self, factor: float) -> None:
        """Let what the data files call rare happen `factor` times as often as they say; 0: never."""

    def drifts(self) -> list[Mapping[str, object]]:
        """Return the drift rules in force, oldest first, each with its `id` and how many objects are `pending`."""

    def add_drift(self, rule: Mapping[str, object]) -> tuple[int, int]:
        """Add a drift rule (docs/sandbox.md); return its id and how many objects changed at once.

        ValueError as above.
        """

    def clear_drifts(self, rule_id: int | None = None) -> int:
        """Remove one or all drift rules and what they have not done yet; return how many."""

    def quotas(self, *, everything: bool = False) -> list[Mapping[str, object]]:
        """Return quotas that something counts against or that were set, or every one.

        `{"cloud", "quota", "account", "region", "used", "limit", "documented", "because"}`.
        """

    def limit(self, name: str, maximum: int, *, cloud: str = "", account: str = "*", region: str = "*") -> None:
        """Set a quota (`SERVICE.NAME`); UsageError if there is none of that name."""

    def clear_quotas(self, name: str | None = None) -> int:
        """Forget what was set for one quota or all; return how many limits."""

    def withheld(self) -> list[Mapping[str, object]]:
        """Return the sizes that are not offered: `{"size", "zone"}`, `*` for every zone."""

    def withhold(self, name: str, *, zone: str = "*") -> None:
        """Offer a size no more, in one zone or in every one."""

    def offer(self, name: str | None = None) -> int:
        """Offer one size or all everywhere again; return how many rules that took back."""

    def held(self) -> list[Mapping[str, object]]:
        """Return names that deleted objects hold: `{"name", "of", "left_s", "said"}`."""

    def purge(self, name: str | None = None) -> int:
        """Give one held name or all free; return how many."""

    def export(self, passphrase: str = "") -> Mapping[str, object]:
        """Return the whole sandbox as JSON-like data; secrets are sealed, their key under the passphrase, if any."""

    def restore(self, document: object, *, passphrase: str = "", without_secrets: bool = False) -> int:
        """Replace the sandbox by an exported one; return how many objects; UsageError if that is not possible."""

    def clock(self) -> Mapping[str, object]:
        """Return `{"mode": "paced"|"stepped", "scale", "now_s", "waiters", "seed", "ambient"}`."""

    def set_clock(self, *, mode: str, scale: float | None = None) -> None:
        """Set how simulated time passes."""

    def pass_time(self, seconds: float) -> float:
        """Let simulated time pass at once; return what time it is then."""

    def edit(self, object_id: str, path: str, value: object) -> None:
        """Change a property of an object behind everybody's back (drift); value None with path "" deletes it."""

    def secret(self, reference: str) -> str:
        """Return a simulated secret in clear; UsageError if there is none of that reference."""

    def put_secret(self, reference: str, value: str) -> bool:
        """Make `value` the current one of a simulated secret, as a person would; tell whether the secret was made.

        A secret of AWS, or a vault of Azure, that is not there is made; UsageError if that cannot be.
        """

    def network(
        self, name: str, *, region: str, cidr: str, zones: int, domain: str = "", key: bool = False, cloud: str = "aws"
    ) -> Mapping[str, object]:
        """Make a network that belongs to no cell, a private zone `domain` and a key, where they are wanted.

        Returns what a cell file says to go into it: `{"network": {"existing": …}, "ingress": …, "protection": …}`.
        """

    def serve(self) -> AbstractContextManager[list[Mapping[str, object]]]:
        """Keep the stand-ins up inside the context.

        Yields one entry for each endpoint: `{"name", "port", "kind", "address", "hint"}`; `name`:`port` is what a cloud
        would give, `address` is `127.0.0.1:PORT`, `hint` a command to try. No secret is in it.
        """

"""Opens the engine of an operation process: the sandbox's through its entry point, or the real CLI."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, cast

from cellctl.dialer import DirectDialer
from cellctl.engine.wire import Setup
from cellctl.engine.workspace import PROJECT
from cellctl.errors import EngineError, UsageError
from cellctl.facts.conditions import at
from cellctl.state.backend import FileBackend, StackName
from cellctl.state.values import Struct, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pulumi.automation import PulumiCommand

    from cellctl.clouds import Cloud
    from cellctl.dialer import Dialer
    from cellctl.engine.ports import (
        AccountReader,
        AlarmReader,
        EngineHost,
        GatewayReaderFactory,
        HostFactory,
        LicenceReader,
        PluginPlacer,
        PluginSandbox,
        QuotaReader,
        QuotaReaderFactory,
        SandboxControl,
        SiteReader,
    )
    from cellctl.verify import SecretReader
    from cellctl.verify.gates import GatewayReader


SITES = {"aws": "cellctl_provider.aws.sites:FederatedSites", "azure": "cellctl_provider.azure.sites:FederatedSites"}
"""Who looks into real accounts, by cloud: a string, as its SDK is not loaded before."""


ALARMS = {"aws": "cellctl_provider.aws.alarms:FederatedAlarms"}
"""Who asks real accounts how alarms stand, likewise."""


class CliHost:
    """The real CLI against real clouds: names are dialled as they are, time is real."""

    name = "pulumi"

    def __init__(self, setup: Setup) -> None:
        from cellctl.engine.pulumi_cli import PulumiCli

        self._cli = PulumiCli.find(setup.environment, log=Path(setup.run_dir) / "argv.log")
        self.dialer: Dialer = DirectDialer()
        self.environment: Mapping[str, str] = {}
        self._account, self._cloud, self._opened = setup.account, setup.cloud, ExitStack()
        self._ambient = setup.environment
        if not setup.account.sandbox:
            place_plugins(Path(setup.environment["PULUMI_HOME"]))

    @cached_property
    def gateways(self) -> GatewayReader | None:
        """Looks at gateways as the account's role, None without one."""
        named = [entry for entry in entry_points(group="cellctl.gateways") if self._account.role]
        if not named:
            return None
        factory = cast("GatewayReaderFactory", named[0].load())
        return self._opened.enter_context(closing(factory(self._account.role, self._account.id)))

    @cached_property
    def quotas(self) -> QuotaReader | None:
        """Asks the account for its quotas as its role, None without one."""
        account = self._account
        if not account.role:
            return None
        found = quota_reader(
            self._cloud, account=account.id, role=account.role, tenant=account.tenant, environment=self._ambient
        )
        return self._opened.enter_context(closing(found)) if found is not None else None

    def cloud_now(self) -> float:
        """Return what time it is."""
        return time.time()

    def usage(self, quota: str, *, inside: str, account: str, region: str) -> Mapping[str, Value] | None:
        """Return what the account has of a quota, as far as it can be asked."""
        del account
        return self.quotas.usage(quota, inside=inside, region=region) if self.quotas is not None else None

    def offered(self, size: Mapping[str, Value], *, account: str, region: str) -> Mapping[str, Value] | None:
        """Return the zones in which the account is offered a size, as far as it can be asked."""
        del account
        return self.quotas.offered(size, region=region) if self.quotas is not None else None

    @property
    def sites(self) -> SiteReader | None:
        """Looks at networks, zones and keys as the account's role, None without one."""
        return site_reader(self._cloud, self._account.role, self._account.tenant, self._ambient)

    @property
    def alarms(self) -> AlarmReader | None:
        """Asks how alarms stand as the account's role, None without one."""
        target, role = ALARMS.get(self._cloud), self._account.role
        return cast("AlarmReader", resolve_name(target)(role, self._account.id)) if target and role else None

    @property
    def version(self) -> str:
        """Version of the CLI."""
        return str(self._cli.version)

    @property
    def command(self) -> PulumiCommand:
        """The CLI."""
        return self._cli

    def simulated_now(self) -> float | None:
        """Return None: time is real."""
        return None

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def interrupt(self) -> None:
        """Take one step of the ladder: SIGINT, SIGINT again, SIGKILL."""
        self._cli.interrupt()

    def close(self) -> None:
        """Close what looked at gateways and quotas; nothing else is held between commands."""
        self._opened.close()


class SimulatedCliHost(CliHost):
    """The real CLI against simulated clouds: the sandbox's providers are its plugins, names lead to stand-ins.

    Its PULUMI_HOME is one of its own: a simulated provider must never be found by a run against a real account.
    """

    def __init__(self, setup: Setup) -> None:
        home = f"{setup.environment['PULUMI_HOME']}-sandbox"
        super().__init__(replace(setup, environment={**setup.environment, "PULUMI_HOME": home}))
        self._sandbox = cast("PluginSandbox", _entered("embedded", setup))
        self.environment = {"PULUMI_HOME": home, **self._sandbox.plugins(Path(home), clock=setup.clock)}
        self.dialer = self._sandbox.dialer

    @property
    def looking(self) -> Mapping[str, str]:
        """Variables of a command that changes nothing: its plugins are served by this process, which has them loaded.

        What changes something keeps processes of its own: a plugin that dies takes nothing else with it.
        """
        return self._sandbox.desk()

    @property
    def secrets(self) -> SecretReader | None:
        """Reads secrets of the simulated clouds."""
        return secrets_of(self._sandbox)

    @property
    def sites(self) -> SiteReader | None:
        """Looks at simulated networks, zones and keys."""
        return getattr(self._sandbox, "sites", None)

    @property
    def alarms(self) -> AlarmReader | None:
        """Judges simulated alarms."""
        return getattr(self._sandbox, "alarms", None)

    @cached_property
    def gateways(self) -> GatewayReader | None:
        """Looks at simulated gateways."""
        return gateways_of(self._sandbox)

    def simulated_now(self) -> float | None:
        """Return the sandbox's time."""
        return self._sandbox.simulated_now()

    def cloud_now(self) -> float:
        """Return what time it is in the simulated clouds."""
        return self._sandbox.cloud_now()

    def usage(self, quota: str, *, inside: str, account: str, region: str) -> Mapping[str, Value] | None:
        """Return what a simulated account has of a quota."""
        return self._sandbox.usage(quota, inside=inside, account=account, region=region)

    def offered(self, size: Mapping[str, Value], *, account: str, region: str) -> Mapping[str, Value] | None:
        """Return the zones in which a simulated account is offered a size."""
        return self._sandbox.offered(size, account=account, region=region)

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time."""
        self._sandbox.sleep(seconds)

    def close(self) -> None:
        """Stop this process's stand-ins; each plugin has its own."""
        self._sandbox.close()


def place_plugins(pulumi_home: Path) -> None:
    """Put provider `cellctl` where the real CLI finds it: launchers of this very installation, nothing downloaded.

    Raises:
        EngineError: The folder cannot be written.
    """
    for entry in entry_points(group="cellctl.plugins"):
        cast("PluginPlacer", entry.load())(pulumi_home)


def open_host(setup: Setup) -> EngineHost:
    """Open the engine that a Setup names.

    Raises:
        UsageError: Unknown engine, or what it needs is not installed.
    """
    if setup.engine == "pulumi":
        return SimulatedCliHost(setup) if setup.account.sandbox else CliHost(setup)
    return _entered(setup.engine, setup)


def _entered(engine: str, setup: Setup) -> EngineHost:
    """Open an engine that came through an entry point."""
    if ":" in engine:  # `module:factory`: an engine that is not installed, in tests
        named = [EntryPoint(name=engine, value=engine, group="cellctl.engines")]
    else:
        named = [entry for entry in entry_points(group="cellctl.engines") if entry.name == engine]
    for entry in named:
        factory = cast("HostFactory", entry.load())
        return factory(home=Path(setup.home), cell=setup.cell, cloud=setup.cloud, clock=setup.clock)
    raise UsageError(f"there is no engine '{engine}'", hint="engines: embedded, pulumi", code="unknown_engine")


def stack_file(backend_url: str, stack: str) -> bool:
    """Tell whether a stack is known to exist; of other than file backends nothing is known without asking."""
    if not backend_url.startswith("file://"):
        return False
    backend = FileBackend(Path(backend_url.removeprefix("file://")))
    return backend.exists(StackName(project=PROJECT, stack=stack))


def quota_reader(
    cloud: str, *, account: str, role: str, tenant: str, environment: Mapping[str, str]
) -> QuotaReader | None:
    """Return what asks real accounts of a cloud for their quotas, None where nothing is installed that can."""
    for entry in entry_points(group="cellctl.quotas"):
        if entry.name == cloud:
            factory = cast("QuotaReaderFactory", entry.load())
            return factory(account=account, role=role, tenant=tenant, environment=environment)
    return None


def secrets_of(host: EngineHost) -> SecretReader | None:
    """Return what reads secrets at this host, None where it has nothing of the kind."""
    reader: SecretReader | None = getattr(host, "secrets", None)
    return reader


def gateways_of(host: EngineHost) -> GatewayReader | None:
    """Return what looks at gateways from this host, None where it has nothing of the kind."""
    reader: GatewayReader | None = getattr(host, "gateways", None)
    return reader


def site_reader(cloud: str, role: str, tenant: str, environment: Mapping[str, str]) -> SiteReader | None:
    """Return who looks into a real account as `role`, None without one.

    Of a cloud with tenants it is told that too, and the `environment` that says who this machine is.
    """
    target = SITES.get(cloud)
    more = (tenant, environment) if cloud == "azure" else ()
    return cast("SiteReader", resolve_name(target)(role, *more)) if target and role else None


def scrub(host: EngineHost, region: str, bucket: str, share: str = "") -> Struct:
    """Return how much a bucket holds (`left`), after removing it all where the share in front of it is given.

    Raises:
        EngineError: It cannot be, or nobody here can ask (code `scrub_failed`).
    """
    reader = gateways_of(host)
    if reader is None:
        raise EngineError("nobody here can look into the bucket", hint="scrub it in the account", code="scrub_failed")
    return {"left": reader.scrub(region, bucket, share)}


def alarms(host: EngineHost, names: Sequence[str], region: str) -> Struct:
    """Return `{"state", "why"}` of alarms by name; under `` why nothing is known of what is not in it."""
    reader: AlarmReader | None = getattr(host, "alarms", None)
    if reader is None:
        return {"": "nobody here can ask this cloud"}
    rows: Struct = {name: dict(row) for name, row in reader.states(names, region=region).items()}
    return {"": "nothing here tells of it", **rows}


def settled(setup: Setup, host: EngineHost, cloud: Cloud, *, exists: bool) -> Struct:
    """Return what is frozen of what a spec names in the account.

    Raises:
        GuardError: It is not as a stack needs it; every objection is listed.
        EngineError: Nobody here can look, or the account does not answer (code `site_unseen`).
    """
    from cellctl.spec import CellSpec
    from cellctl.spec.reef import ReefSpec

    reader: SiteReader | None = getattr(host, "sites", None)
    if reader is None or cloud.settle is None:
        raise EngineError("nobody here can look into the account", hint="cellctl doctor --account", code="site_unseen")
    model = ReefSpec if setup.level == "reef" else CellSpec
    spec, look = model.model_validate(dict(setup.spec)), partial(reader.look, setup.account.id)
    return dict(cloud.settle(spec, look, exists=exists, place=dict(setup.place) or None))


def licence(host: EngineHost, reference: str) -> Struct:
    """Return how many `nodes` the licence in a secret allows; or why it is `missing`, or that is `unknown`."""
    reader: LicenceReader | None = getattr(host, "secrets", None)
    for entry in entry_points(group="cellctl.licences") if reader is None else ():
        reader = cast("LicenceReader", entry.load()())
    if reader is None:
        return {"unknown": "nobody to ask for it"}
    try:
        return {"nodes": reader.licensed_nodes(reference)}
    except EngineError as error:
        return {"missing" if error.code == "secret_missing" else "unknown": error.summary}


def account(setup: Setup, host: EngineHost, names: Sequence[str], sizes: Value = None) -> Struct:
    """Return what time it is for the clouds (`now`, unix seconds), and `quotas`: a row or None for each name.

    `offers` has the same for each of `sizes`. A host that counts or asks does (`AccountReader`); without one only the
    defaults are known, which are facts.
    """
    asked = [size for size in sizes if isinstance(size, dict)] if isinstance(sizes, list) else []
    reader = cast("AccountReader | None", host if hasattr(host, "usage") else None)
    if reader is None:
        return {"now": time.time(), "quotas": [None for _ in names], "offers": [None for _ in asked]}
    region = str(at(dict(setup.spec), "spec.region") or "")
    rows: list[Value] = []
    for quota, inside in map(json.loads, names):
        row = reader.usage(quota, inside=inside, account=setup.account.id, region=region)
        rows.append(None if row is None else {**row})
    found = [reader.offered(size, account=setup.account.id, region=region) for size in asked]
    offers: list[Value] = [None if offer is None else {**offer} for offer in found]
    return {"now": reader.cloud_now(), "quotas": rows, "offers": offers}


def look_up(setup: Setup, host: EngineHost, urns: Sequence[str]) -> Struct:
    """Return for each URN the ids of the objects that it has made and that exist; None where that is unknown.

    A host that can look does (`look_up(urn)`); for the simulated clouds their control is asked; of real clouds nothing
    is known before look-ups by tag exist.
    """
    finder = getattr(host, "look_up", None)
    if callable(finder):
        return {urn: finder(urn) for urn in urns}
    if host.simulated_now() is None:
        return dict.fromkeys(urns)
    objects = _simulated_objects(Path(setup.home))
    return {urn: list(objects.get(urn, ())) for urn in urns}


def _simulated_objects(home: Path) -> dict[str, list[str]]:
    """Return the ids of the simulated objects by the URN that made them; what is being deleted does not count."""
    found: dict[str, list[str]] = {}
    for entry in entry_points(group="cellctl.sandboxes"):
        control = cast("SandboxControl", entry.load()(home))
        accounts = control.show().get("accounts")
        for account in accounts if isinstance(accounts, list) else []:
            for row in account.get("objects", []):
                if row.get("urn") and row.get("state") != "deleting":
                    found.setdefault(str(row["urn"]), []).append(str(row["id"]))
    return found

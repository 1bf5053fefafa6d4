"""The sandbox as a host whose every step is observed; providers in this process, or each in one of its own."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pulumi.automation import CommandResult, OnOutput

from cellctl.engine.child import Child
from cellctl.engine.wire import Channel, Setup
from cellctl_provider.hosts.plugin import serve
from cellctl_provider.protocol import ProviderFactory
from cellctl_sandbox import plugin
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.host import SandboxHost, pace_of
from crashes.aim import Observer
from crashes.landscape import CELL
from crashes.nursery import Forked, Nursery, forked
from crashes.witness import WitnessCloud

ENGINE = "crashes.host:open_host"


class Run:
    """What the processes of one run share by inheritance: set before the first of them is forked."""

    observer: Observer
    apart: bool
    nursery: Nursery


class AppliedApart(EmbeddedCommand):
    """The engine with a process for each provider where something is changed: no kill point lies in a preview."""

    def __init__(self, providers: Mapping[str, ProviderFactory]) -> None:
        observer = Run.observer
        super().__init__(plugins=list(providers), launch=_launch, probe=observer.probe, disk=observer.disk)
        self._looking = dict(providers)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one command."""
        changes = args[0] in ("up", "refresh", "destroy") and "--preview-only" not in args
        self._providers = {} if changes else self._looking
        return super().run(args, cwd, additional_env, on_output, on_error)


class ObservedHost(SandboxHost):
    """A sandbox with a probe; the witness's program where its landscape is there, else the cloud's own."""

    def __init__(self, home: Path, cell: str, cloud: str, clock: str) -> None:
        database = Database.open(home)
        simulated = SimulatedClock.of(database)
        simulated.pace = pace_of(clock)
        super().__init__(database, simulated, cell=cell, cloud=cloud, probe=Run.observer.probe)
        self._home = home
        if cell == CELL:
            self.cloud = WitnessCloud(json.loads((home / "landscape.json").read_text()))

    @cached_property
    def embedded(self) -> EmbeddedCommand:
        providers = self.providers()
        if not Run.apart:
            return EmbeddedCommand(providers, probe=Run.observer.probe, disk=Run.observer.disk)
        plugin.install(self._home / ".cellctl" / "pulumi" / "home", providers.values())
        return AppliedApart(providers)


def open_host(*, home: Path, cell: str, cloud: str, clock: str = "") -> ObservedHost:
    """Open a host (`cellctl.engine.ports.HostFactory`)."""
    return ObservedHost(home, cell, cloud, clock)


def start_operation(setup: Setup, theirs: socket.socket) -> Forked:
    """Fork an operation process (`cellctl.engine.operation.Start`); the threads of this one only wait."""
    descriptor = os.dup(theirs.fileno())

    def work() -> None:
        Run.observer.operation = os.getpid()
        if Run.apart:
            Run.nursery = Nursery(lambda package, stdin, stdout: _serve(setup, package, stdin, stdout))
            Run.observer.kill_hosts, Run.observer.hosts_live = Run.nursery.kill_hosts, Run.nursery.hosts_live
        os.chdir(setup.work_dir)
        Child(Channel(descriptor)).serve()

    pid = forked(work, log=str(Path(setup.run_dir) / "log.txt"))
    os.close(descriptor)
    return Forked(pid)


def _launch(path: Path, folder: Path, environment: Mapping[str, str]) -> Forked:
    return Run.nursery.host(path.name.removeprefix("pulumi-resource-"))


def _serve(setup: Setup, package: str, stdin: int, stdout: int) -> None:
    """Be a provider host until standard input ends."""
    host = ObservedHost(Path(setup.home), setup.cell, setup.cloud, setup.clock)
    with os.fdopen(stdin) as requests, os.fdopen(stdout, "w") as answers:
        serve(host.providers()[package], stdin=requests, stdout=answers)
    host.close()
    os._exit(0)

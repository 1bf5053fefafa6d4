"""Whole cells with the real Pulumi CLI: from one engine to the other and back, and after a kill or an interrupt."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from prepared.home import RunningHome
from real_cli import VPC, plugins_of, wait_for
from warm import client

from cellctl.engine.workspace import PROJECT
from cellctl_sandbox.control import open_control

pytestmark = pytest.mark.needs("pulumi")
BUSY_S = 900.0  # the longest that a step may take: alone a cell's takes up to 30 s, beside other work many times that
NETWORKS = {"aws": VPC, "azure": "azure-native:network:VirtualNetwork"}


class Runs:
    """Runs commands of cellctl at one home, in stepped time."""

    def __init__(self, home: Path, cloud: str) -> None:
        self.home, self.cloud = home, cloud
        self.control = open_control(home)

    def __call__(self, *words: str) -> str:
        """Run a command that must end well; return what it says."""
        done = client.cellctl(*words, "--home", str(self.home), cwd=self.home, timeout=BUSY_S)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def up(self, engine: str) -> str:
        """Bring the cell up; return the result: `succeeded`, or `nothing` if nothing was to be done."""
        words = ("up", "acme", "--cloud", self.cloud, "--yes", "--output", "jsonl", "--clock", "stepped")
        summary = json.loads(self(*words, "--engine", engine).splitlines()[-1])
        assert summary["engine"]["name"] == engine
        return str(summary["result"])

    def unchanged(self, engine: str) -> None:
        """See that an engine has nothing to do."""
        self("preview", "acme", "--exit-code", "--clock", "stepped", "--engine", engine)

    def goes_on_with(self, other: str, *, then: str) -> None:
        """See that a cell of engine `then` is complete for the other one, which reads all and takes it down."""
        self.unchanged(other)
        self("refresh", "acme", "--yes", "--clock", "stepped", "--engine", other)
        self.unchanged(then)
        assert self.up(other) == "nothing"
        self.unchanged(then)
        self("down", "acme", "--delete-data", "--yes", "--clock", "stepped", "--engine", other)
        assert self.objects() == []

    def objects(self) -> list[dict[str, str]]:
        """Return what the cell has in the simulated cloud."""
        shown = json.loads(self("sandbox", "show", "--format", "json"))
        return [item for account in shown["accounts"] for item in account["objects"] if item["cell"] == "acme"]

    def networks(self) -> int:
        accounts = json.loads(json.dumps(self.control.show()["accounts"]))
        return sum(item["type"] == NETWORKS[self.cloud] for account in accounts for item in account["objects"])

    def begin(self) -> client.Forked:
        """Begin an `up` by the CLI; return it when its network was made and is not answered yet."""
        network = {"type": NETWORKS[self.cloud], "op": "create", "effect": "delay", "delay_s": 60, "count": 1}
        self.control.add_fault(network)
        words = ("up", "acme", "--cloud", self.cloud, "--yes", "--engine", "pulumi", "--clock", "20")
        with open(os.devnull, "w") as nobody:
            told = (*words, "--home", str(self.home))
            running = client.started(*told, cwd=self.home, stdout=nobody, stderr=nobody)
        try:
            wait_for(lambda: self.networks() == 1 or running.poll() is not None, BUSY_S)
            assert running.poll() is None, "it ended before its network was there"
        except BaseException:
            running.kill()
            raise
        return running

    def clis(self) -> list[int]:
        """Return the CLI's processes whose folder is in this home."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                name, folder = (entry / "exe").readlink().name, (entry / "cwd").readlink()
            except OSError:
                continue
            if entry.name.isdigit() and name == "pulumi" and self.home in folder.parents:
                found.append(int(entry.name))
        return found

    def orphans(self) -> list[str]:
        """Return what is in the cloud more than once, or not in the state."""
        file = self.home / ".cellctl" / "state" / ".pulumi" / "stacks" / PROJECT / "cell-acme.json"
        known = {item["urn"] for item in json.loads(file.read_text())["checkpoint"]["latest"]["resources"]}
        urns = [item["urn"] for item in self.objects() if item["urn"]]
        return [urn for urn in urns if urns.count(urn) > 1 or urn not in known]


def later(*values: str) -> ParameterSet:
    """Return what only `make explore` plays: whole cells take the CLI a minute and more."""
    return pytest.param(*values, marks=pytest.mark.explore)


@pytest.mark.parametrize("cloud", ["aws", later("azure")])
def test_a_cell_of_the_cli_goes_on_with_our_engine(tmp_path: Path, cloud: str) -> None:
    runs = Runs(tmp_path, cloud)
    assert runs.up("pulumi") == "succeeded"
    runs.unchanged("pulumi")
    runs.goes_on_with("embedded", then="pulumi")


@pytest.mark.parametrize("cloud", ["azure", later("aws")])
def test_a_cell_of_our_engine_goes_on_with_the_cli(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path, cloud: str
) -> None:
    home = running_home(cloud, tmp_path)
    runs = Runs(tmp_path, cloud)
    home.rewrite((r"taskCap: 10", "taskCap: 12"))
    assert runs.up("pulumi") == "succeeded"
    runs.goes_on_with("pulumi", then="embedded")


@pytest.mark.parametrize(
    ("cloud", "victims", "then"),
    [
        ("azure", "everything", "embedded"),
        ("azure", "plugins", "embedded"),
        ("azure", "interrupt", "pulumi"),
        later("azure", "cli", "embedded"),
        later("aws", "plugins", "pulumi"),
    ],
)
def test_a_cell_whose_run_was_cut_off_goes_on(tmp_path: Path, cloud: str, victims: str, then: str) -> None:
    runs = Runs(tmp_path, cloud)
    running = runs.begin()
    chosen = {
        "everything": lambda: [running.pid, *runs.clis(), *plugins_of(tmp_path)],
        "cli": runs.clis,
        "plugins": lambda: plugins_of(tmp_path),
        "interrupt": lambda: [running.pid],
    }[victims]()
    assert chosen
    for pid in chosen:
        with suppress(ProcessLookupError):  # another one took it along
            os.kill(pid, signal.SIGINT if victims == "interrupt" else signal.SIGKILL)
    assert running.wait() == {"everything": -signal.SIGKILL, "interrupt": 130}.get(victims, 1)
    wait_for(lambda: not runs.clis() and not plugins_of(tmp_path), BUSY_S)
    assert runs.up(then) == "succeeded"
    assert runs.networks() == 1
    assert runs.orphans() == []
    runs.unchanged("embedded" if then == "pulumi" else "pulumi")

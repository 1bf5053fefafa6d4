"""The real CLI's seam, against a fake `pulumi` that records how it is called."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pulumi.automation.errors import CommandError, ConcurrentUpdateError, StackNotFoundError

from cellctl.engine import pulumi_cli
from cellctl.engine.pulumi_cli import INSTALL, PulumiCli, audited
from cellctl.engine.workspace import Workspaces
from cellctl.errors import EngineError, ExitCode, Interrupted, UsageError
from cellctl.testing import FakeCli


@pytest.fixture
def fake(tmp_path: Path) -> FakeCli:
    return FakeCli(tmp_path / "bin")


def found(fake: FakeCli, **more: object) -> PulumiCli:
    return PulumiCli.find({"PATH": str(fake.folder)}, **more)  # type: ignore[arg-type]


def test_nothing_of_our_own_environment_reaches_the_cli(
    fake: FakeCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other-cells-key")
    found(fake).run(["stack", "ls"], str(tmp_path), {"PULUMI_HOME": "/x"})
    call = fake.calls()[-1]
    assert set(call.environment) - {"LC_CTYPE", "PWD", "SHLVL", "_"} == {"PATH", "PULUMI_HOME", "PULUMI_AUTOMATION_API"}
    assert call.argv[0] == "--non-interactive"
    assert call.cwd == str(tmp_path)


def test_the_variables_of_a_workspace_forbid_every_download(tmp_path: Path) -> None:
    spaces = Workspaces(tmp_path)
    variables = spaces.environment(spaces.local)
    for name in ("SKIP_UPDATE_CHECK", "DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "OPTION_SKIP_PLUGIN_PRE_INSTALL"):
        assert variables[f"PULUMI_{name}"] == "true"
    assert "PULUMI_CONFIG_PASSPHRASE" not in variables
    work = spaces.prepare("cell-acme", {"cell": "{}"})
    assert spaces.key_file.stat().st_mode & 0o777 == 0o600
    assert "*" in (work / "Pulumi.cell-acme.yaml").read_text()
    key = spaces.key_file.read_text()
    spaces.prepare("cell-acme", {"cell": "{}"})
    assert spaces.key_file.read_text() == key
    assert all(key not in file.read_text() for file in work.iterdir())


def test_the_engines_own_keys_of_a_stack_file_are_kept(tmp_path: Path) -> None:
    spaces = Workspaces(tmp_path)
    file = spaces.prepare("cell-acme", {}) / "Pulumi.cell-acme.yaml"
    file.write_text("encryptionsalt: v1:abc:v1:def\nconfig: {}\n")
    spaces.prepare("cell-acme", {"cell": "{}"})
    assert "encryptionsalt: v1:abc:v1:def" in file.read_text()


def test_it_runs_in_a_process_group_of_its_own(fake: FakeCli, tmp_path: Path) -> None:
    found(fake).run(["stack", "ls"], str(tmp_path), {})
    call = fake.calls()[-1]
    assert call.group == call.pid != os.getpgid(0)


def test_missing_cli_is_wrong_input_with_the_install_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as missing:
        PulumiCli.find({"PATH": str(tmp_path)})
    assert (missing.value.exit_code, missing.value.hint) == (ExitCode.WRONG_INPUT, INSTALL)


@pytest.mark.parametrize("version", ["v3.100.0", "v2.9.9", "v4.0.0"])
def test_a_cli_of_another_age_is_wrong_input(tmp_path: Path, version: str) -> None:
    with pytest.raises(UsageError) as old:
        found(FakeCli(tmp_path / "bin", version=version))
    assert version[1:] in str(old.value)
    assert old.value.code == "cli_too_old"


def test_a_cli_that_says_no_version_is_an_engine_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="says no version"):
        found(FakeCli(tmp_path / "bin", version=""))


def test_a_cli_that_hangs_at_its_version_is_an_engine_error(fake: FakeCli, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.plays("version", stdout="v3.260.0", sleep_s=30, sigints=0)
    monkeypatch.setattr(pulumi_cli, "VERSION_DEADLINE_S", 0.5)
    with pytest.raises(EngineError) as hangs:
        found(fake)
    assert (hangs.value.code, hangs.value.exit_code) == ("cli_hangs", ExitCode.FAILED)


@pytest.mark.parametrize(
    ("code", "stderr", "expected"),
    [
        (6, "error: no stack named 'cell-acme' found", StackNotFoundError),
        (1, "error: the stack is currently locked by 1 lock(s).", ConcurrentUpdateError),
        (1, "error: something else", CommandError),
    ],
)
def test_exit_codes_become_the_sdks_errors(
    fake: FakeCli, tmp_path: Path, code: int, stderr: str, expected: type[Exception]
) -> None:
    fake.plays("up", code=code, stderr=stderr)
    with pytest.raises(expected):
        found(fake).run(["up"], str(tmp_path), {})


def run_until(fake: FakeCli, tmp_path: Path, cli: PulumiCli, interrupts: int) -> float:
    began = time.monotonic()

    def press() -> None:
        while len(fake.calls()) < 2:
            time.sleep(0.02)
        for number in range(interrupts):
            time.sleep(0.3)
            cli.interrupt()
            del number

    threading.Thread(target=press).start()
    with pytest.raises(CommandError):
        cli.run(["up"], str(tmp_path), {})
    return time.monotonic() - began


def test_one_interrupt_is_one_sigint(fake: FakeCli, tmp_path: Path) -> None:
    fake.plays("up", sleep_s=20)
    assert run_until(fake, tmp_path, found(fake), 1) < 10
    assert fake.signals() == 1


def test_the_ladder_ends_in_sigkill(fake: FakeCli, tmp_path: Path) -> None:
    fake.plays("up", sleep_s=20, sigints=0)
    assert run_until(fake, tmp_path, found(fake), 3) < 10
    assert fake.signals() == 2


def test_a_killed_cli_says_so(fake: FakeCli, tmp_path: Path) -> None:
    """It leaves no word behind, and a run that failed without one would be told as a success."""
    fake.plays("up", sleep_s=20)

    def kill() -> None:
        while not any(call.words[0] == "up" for call in fake.calls()):
            time.sleep(0.02)
        os.kill(fake.calls()[-1].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(CommandError, match="error: `pulumi up` was ended by signal 9"):
        found(fake).run(["up"], str(tmp_path), {})
    killer.join()


def test_after_an_interrupt_nothing_new_begins(fake: FakeCli, tmp_path: Path) -> None:
    cli = found(fake)
    cli.interrupt()
    with pytest.raises(Interrupted):
        cli.run(["up"], str(tmp_path), {})
    assert [call.words[0] for call in fake.calls()] == ["version"]


def test_a_deadline_climbs_the_ladder(fake: FakeCli, tmp_path: Path) -> None:
    fake.plays("up", sleep_s=20)
    for deadline_s in (0.6, 10.0):
        with pytest.raises(EngineError) as late:
            found(fake, deadline_s=deadline_s).run(["up"], str(tmp_path), {})
        assert late.value.code == "cli_deadline"
        if fake.signals():  # on a busy machine it had not begun at the first deadline
            break
    assert fake.signals() == 1


@pytest.mark.parametrize("word", ["--secret", "AKIAABCDEFGHIJKLMNOP", "password=hunter2", "-----BEGIN PRIVATE KEY"])
def test_nothing_secret_goes_onto_a_command_line(word: str) -> None:
    with pytest.raises(EngineError) as refused:
        audited(["config", "set", "k", word])
    assert refused.value.code == "secret_on_argv"
    assert word not in str(refused.value)


def test_every_argv_is_written_down(fake: FakeCli, tmp_path: Path) -> None:
    log = tmp_path / "argv.log"
    found(fake, log=log).run(["stack", "ls"], str(tmp_path), {})
    assert "--non-interactive" in log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux only")
def test_the_cli_dies_with_the_process_that_started_it(fake: FakeCli, tmp_path: Path) -> None:
    fake.plays("up", sleep_s=60, sigints=0)
    program = (
        "from cellctl.engine.pulumi_cli import PulumiCli\n"
        f"PulumiCli.find({{'PATH': {str(fake.folder)!r}}}).run(['up'], {str(tmp_path)!r}, {{}})\n"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        until = time.monotonic() + 20
        while len(fake.calls()) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        child = fake.calls()[-1].pid
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    while time.monotonic() < until and lives(child):
        time.sleep(0.05)
    assert not lives(child)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.needs("pulumi")
def test_the_cli_of_this_machine_says_its_version(tmp_path: Path) -> None:
    path = {"PATH": os.environ["PATH"], "PULUMI_HOME": str(tmp_path), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    assert PulumiCli.find(path).version.major == 3

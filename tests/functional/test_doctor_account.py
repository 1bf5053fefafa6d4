"""`cellctl doctor --account`: the plugins of a home, put there with --install, and nothing else changed."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from warm import client

from cellctl.testing import FakeCli

SETTINGS = """\
accounts:
  prod: {cloud: aws, id: "123456789012", regions: [eu-west-1]}
  blue: {cloud: azure, id: "00000000-0000-0000-0000-000000000001"}
"""
SDK = version("pulumi-aws")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "cellctl.yaml").write_text(SETTINGS)
    return tmp_path


def doctor(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(home / "bin"), "HOME": str(home), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    done = client.cellctl("doctor", *words, cwd=home, env=environment)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def listed(*plugins: tuple[str, str]) -> str:
    return json.dumps([{"name": name, "kind": "resource", "version": exact} for name, exact in plugins])


def test_what_an_account_lacks_is_said_with_the_command_that_brings_it(home: Path) -> None:
    FakeCli(home / "bin").plays("plugin ls", stdout=listed(("aws", "7.0.0")))
    done = doctor(home, "--account", "prod", "--format", "json")
    assert done.returncode == 1
    found = json.loads(done.stdout)["findings"]
    plugins = {one["message"]: one for one in found if one["subject"] == "plugin"}
    missing = plugins[f"plugin aws {SDK} is not in this home"]
    assert missing["remedy"] == "cellctl doctor --account prod --install"
    roles = [one for one in found if one["subject"] == "role"]
    assert [one["level"] for one in roles] == ["missing", "missing"]
    assert "cellctl account up" in roles[0]["remedy"]
    assert not (home / ".cellctl" / "pulumi" / "home" / "plugins").exists()


def test_install_fetches_one_exact_version_and_our_own_provider(home: Path) -> None:
    fake = FakeCli(home / "bin")
    fake.plays("plugin ls", stdout=listed())
    fake.plays("plugin install", code=1, stderr="error: 403 from the proxy")
    done = doctor(home, "--account", "prod", "--install")
    assert done.returncode == 1
    assert "could not be installed: error: 403 from the proxy" in done.stdout
    (call,) = [call for call in fake.calls() if call.words[:2] == ["plugin", "install"]]
    assert call.argv[:5] == ("plugin", "install", "resource", "aws", SDK)
    assert "--exact" in call.argv
    assert call.environment["PULUMI_HOME"] == str(home / ".cellctl" / "pulumi" / "home")
    plugins = home / ".cellctl" / "pulumi" / "home" / "plugins"
    assert [path.name for path in plugins.iterdir()] == [f"resource-cellctl-v{version('cellctl')}"]


def test_what_is_there_is_not_fetched_again(home: Path) -> None:
    fake = FakeCli(home / "bin")
    fake.plays("plugin ls", stdout=listed(("azure-native", version("pulumi-azure-native")), ("cellctl", "0.1.0")))
    done = doctor(home, "--account", "blue", "--install")
    assert done.returncode == 1, done.stdout
    assert "no role for preview is named" in done.stdout
    assert not [call for call in fake.calls() if "install" in call.argv]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--account", "nobody"], "account 'nobody' is not in cellctl.yaml"),
        (["--account", "sandbox"], "account 'sandbox' is simulated"),
        (["--install"], "--install is for a real account"),
    ],
)
def test_wrong_words(home: Path, words: list[str], said: str) -> None:
    done = doctor(home, *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_without_a_cli_the_rest_is_looked_at(home: Path) -> None:
    done = doctor(home, "--account", "prod")
    assert done.returncode == 1
    assert "get.pulumi.com" in done.stdout
    assert "no role for preview is named" in done.stdout

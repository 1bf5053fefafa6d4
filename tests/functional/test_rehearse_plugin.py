"""A rehearsal with another version's plugin, through the real CLI: what the plugin replaces is told, and then proven.

Both plugins are the simulated provider; the other version's has one more rule on what replaces a database.
"""

from __future__ import annotations

import gzip
import json
import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import pulumi_aws
import pytest
from warm import keys

from cellctl import Home
from cellctl.engine.workspace import Workspaces, stack_name
from cellctl.rehearsal.environment import Requirement
from cellctl.rehearsal.rehearsing import rehearse
from cellctl.run.options import RunOptions
from cellctl.state.backend import FileBackend
from cellctl.state.sealing import KeyFile, PassphraseSealer
from cellctl.views.rehearsal_text import rehearsal_json
from cellctl_sandbox import plugin

pytestmark = pytest.mark.needs("pulumi")
RECORDED = Path(__file__).resolve().parents[1] / "upgrade" / "states" / "0.1" / "aws"
ACCOUNT, OTHER = "123456789012", "7.50.0"
HOME = f"""accounts:
  prod: {{cloud: aws, id: "{ACCOUNT}", apply: {{role: "arn:aws:iam::{ACCOUNT}:role/cellctl-apply"}}}}
"""
STRICTER = """
from dataclasses import replace

from cellctl import facts

known = facts.of


def of(type_):
    found = known(type_)
    return replace(found, replaces=found.replaces | {"instanceClass"}) if type_ == "%s" else found


facts.of = of
"""
DATABASE = "aws:rds/instance:Instance"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A cell of a real account, as its state was recorded, whose file asks for a larger database."""
    root = tmp_path / "home"
    root.mkdir()
    keys.give(root)
    (root / "cellctl.yaml").write_text(HOME)
    (root / "cells").mkdir()
    text = (RECORDED / "acme.yaml").read_text().replace("account: sandbox", "account: prod")
    larger = text.replace("database: {tier: standard", "database: {tier: large").replace(
        "    tier: standard\n    multiZone", "    tier: large\n    multiZone"
    )
    assert larger != text
    (root / "cells" / "acme.yaml").write_text(larger)
    state = gzip.decompress((RECORDED / "state.json.gz").read_bytes()).decode()
    state = state.replace("000000000000", ACCOUNT).replace('"account":"sandbox"', '"account":"prod"')
    FileBackend(root / ".cellctl" / "state").create(stack_name("acme"), state)
    salt = json.loads(state)["checkpoint"]["latest"]["secrets_providers"]["state"]["salt"]
    pulumi = root / ".cellctl" / "pulumi"
    PassphraseSealer((pulumi / "key").read_text(), salt, KeyFile.beside(pulumi / "key"))
    (pulumi / "salt").write_text(salt)
    return Home(root)


def place(home: Home, number: str, stricter: Path | None) -> None:
    """Put the simulated provider where the CLI looks for plugin aws of a version."""
    folder = Workspaces(home.root).pulumi_home / "plugins" / f"resource-aws-v{number}"
    folder.mkdir(parents=True)
    variables = plugin.variables(home=home.root, cell="acme", cloud="aws", clock="stepped")
    given = " ".join(shlex.quote(value) for value in variables.values())
    paths = ":".join([*([str(stricter)] if stricter else []), *(entry for entry in sys.path if entry)])
    launcher = folder / "pulumi-resource-aws"
    launcher.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(paths)} exec {sys.executable} -P -m cellctl_sandbox.plugin aws {given}\n"
    )
    launcher.chmod(0o755)


def install(home: Home, wanted: Requirement) -> None:
    """Have the other version's environment ready: the SDK that is in use, under the other number. Nothing downloads."""
    from cellctl.rehearsal import environment

    made = home.root / ".cellctl" / "rehearsals"
    digest = environment.digest([wanted])
    packages = made / digest / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "pulumi_aws").symlink_to(Path(pulumi_aws.__file__).parent)
    about = packages / f"pulumi_aws-{wanted.version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pulumi_aws\nVersion: {wanted.version}\n")
    (made / digest / "bin").mkdir()
    (made / digest / "bin" / "python").symlink_to(sys.executable)


def test_what_the_other_plugin_replaces_is_found_by_the_whole_preview_alone(home: Home, tmp_path: Path) -> None:
    wanted = Requirement("pulumi-aws", OTHER)
    install(home, wanted)
    options = RunOptions(environment={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]})
    alone = rehearse(home, ["acme"], [wanted], options=options)
    (compared,) = alone.cells
    assert (compared.differences, compared.planned, alone.checked) == ((), None, False)  # the classes are the same
    assert str(rehearsal_json(alone)["note"]).startswith("provider-side differences not checked")

    stricter = tmp_path / "stricter"
    stricter.mkdir()
    (stricter / "sitecustomize.py").write_text(STRICTER % DATABASE)
    place(home, version("pulumi-aws"), None)
    place(home, OTHER, stricter)
    state = home.stack_file("acme").read_bytes()
    found = rehearse(home, ["acme"], [wanted], options=options)
    assert {name: str(error) for name, error in found.failed.items()} == {}
    (cell,) = found.cells
    (told,) = [line for line in cell.planned or () if DATABASE in line]
    assert "which holds data): update (" in told
    assert "; then replace (instanceClass)" in told
    assert cell.differences == ()
    assert (cell.with_plugin, found.checked, rehearsal_json(found)["proof"]) == (True, True, True)
    assert home.stack_file("acme").read_bytes() == state

"""Cells previewed by hand with the real CLI, one after another: `python -m benchmarks.raw_cli HOME`.

Each is `pulumi preview` of the program that `cellctl_stacks` has for it, over the same simulated clouds and the same
state; only what the CLI takes is counted, as somebody would wait for it who has everything prepared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from cellctl.engine.hosts import place_plugins
from cellctl.engine.workspace import Workspaces
from cellctl.home import Home
from cellctl.run.options import RunOptions
from cellctl.run.target import of_spec
from cellctl.spec import load
from cellctl_sandbox.host import open_host

_PIP = """
import importlib.metadata, json
print(json.dumps([{"name": one.name, "version": one.version} for one in importlib.metadata.distributions()]))
"""


def main(home: Home) -> None:
    """Preview every cell and print the seconds that all of them took."""
    plugins = home.root / "raw-pulumi"
    plugins.mkdir()
    place_plugins(plugins)
    pip = home.root / "raw-modules" / "pip"  # the CLI asks it what is installed, and our environments have none
    pip.mkdir(parents=True)
    (pip / "__main__.py").write_text(_PIP)
    taken, done = 0.0, 0
    for name in home.cell_names():
        target = of_spec(home, load(home.cell_file(name)), RunOptions(engine="pulumi"))
        spaces = Workspaces(home.root)
        folder = spaces.prepare(target.stack, {**target.config(), "accountId": target.account.id}, share_salt=True)
        (folder / "Pulumi.yaml").write_text(
            f"name: octopus-cells\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
        )
        (folder / "__main__.py").write_text("from cellctl_stacks.__main__ import main\n\nmain()\n")
        host = open_host(home=home.root, cell=name, cloud=target.cloud, clock="stepped")
        environment = {
            **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
            **spaces.environment(target.backend),
            "PULUMI_HOME": str(plugins),
            **host.plugins(plugins, clock="stepped"),  # type: ignore[attr-defined]
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONPATH": str(pip.parent),
        }
        words = ["pulumi", "--non-interactive"]
        subprocess.run(
            [*words, "stack", "init", target.stack], cwd=folder, env=environment, capture_output=True, check=True
        )
        began = time.monotonic()
        ended = subprocess.run(
            [*words, "preview", "--stack", target.stack], cwd=folder, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        taken, done = taken + time.monotonic() - began, done + 1
        host.close()
        if ended.returncode or "to create" not in ended.stdout:
            raise RuntimeError(f"{name}: {ended.stdout[-1500:]} {ended.stderr[-1500:]}")
    sys.stdout.write(json.dumps({"wall_s": taken, "cells": done}) + "\n")


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])))

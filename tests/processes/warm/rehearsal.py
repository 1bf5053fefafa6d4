"""Previews a default cell of each cloud, so that forks of this process find the SDKs' modules and tables loaded."""

from __future__ import annotations

import tempfile
import threading
import time
from functools import partial
from pathlib import Path

from cellctl import clouds
from cellctl.clouds import AccountFacts
from cellctl.spec import CellSpec
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.sealing import PassphraseSealer, Vault
from cellctl_sandbox.engine.core import Engine, Inline, Target
from cellctl_sandbox.host import open_host

CELL = "rehearsal"
REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
ACCOUNTS = {"aws": "000000000000", "azure": "00000000-0000-0000-0000-000000000000"}


def rehearse() -> None:
    """Preview a cell of each cloud; when it returns no thread is left of it, so that the process may fork."""
    sealer = PassphraseSealer.fresh("rehearsal")
    for cloud, region in REGIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            _preview(cloud, region, sealer, Path(folder))
    while threading.active_count() > 1:  # the clock's keeper leaves by itself
        time.sleep(0.02)


def _preview(cloud: str, region: str, sealer: PassphraseSealer, home: Path) -> None:
    loaded = clouds.load(cloud)
    given = {"metadata": {"name": CELL}, "spec": {"cloud": cloud, "account": "sandbox", "region": region}}
    layout = loaded.layout(CellSpec.model_validate(given))
    facts = AccountFacts(id=ACCOUNTS[cloud], tenant=ACCOUNTS["azure"], sandbox=True)
    host = open_host(home=home, cell=CELL, cloud=cloud, clock="stepped")
    stack = f"cell-{CELL}"
    checkpoint = Checkpoint(stack=f"organization/octopus-cells/{stack}", fresh=True)
    target = Target(
        project="octopus-cells", stack=stack, checkpoint=checkpoint, vault=Vault(sealer), save=lambda _text: None
    )
    result = Engine(host.providers()).run("preview", target, Inline(partial(loaded.program, layout, facts)))
    host.close()
    assert result.succeeded, result.said

"""A reef whose cells share load balancers, and a cell on it: in process, on a stepped clock, as `bringing_up` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bringing_up import ACCOUNTS, REGIONS, TWICE, Cell, workspace
from pulumi.automation import Stack

from cellctl import verify
from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.spec import CellSpec
from cellctl.spec.reef import ReefSpec
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.host import open_host

BODY = {"cloud": "aws", "account": "sandbox", "region": REGIONS["aws"]}
SHARE, SLOT = 0, 2
"""Which share of the reef's gateway the cell has, and which place on its load balancers."""


@contextmanager
def placed(home: Path) -> Iterator[Cell]:
    """Bring up the reef, then the cell, and give the cell."""
    reef = ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": {**BODY, "ingress": {"shared": True}}})
    with _up(home, "reef-r1", Wanted(level="reef", spec=reef.to_json())) as made:  # type: ignore[arg-type]
        place = place_of(made[1])
    ingress = {"grpc": True}
    cell = CellSpec.model_validate(
        {"metadata": {"name": "acme"}, "spec": {**BODY, "placement": {"reef": "r1"}, "ingress": ingress}}
    )
    with _up(home, "cell-acme", Wanted(level="cell", spec=cell.to_json(), place=place)) as (up, outputs):  # type: ignore[arg-type]

        def failures(patience: verify.Patience = TWICE) -> list[str]:
            host = up.host
            results = verify.run(outputs, host.dialer, secrets=host.secrets, patience=patience, sleep=host.sleep)
            return [item.message for item in results if not item.passed]

        yield Cell(host=up.host, stack=up.stack, failures=failures)


def place_of(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the place that the registry would make of a reef's outputs."""
    (host,), (gateway,), share = outputs["hosts"], outputs["gateways"], outputs["gateways"][0]["shares"][SHARE]
    doors: dict[str, Any] = {"web_slot": SLOT, "polling_slot": SLOT}
    for kind in ("web", "polling"):
        doors |= next(one["place"] for one in outputs["balancers"] if one["kind"] == kind)
    return {
        **outputs["place"], **host["place"], **gateway["place"], "share": share["name"], "share_arn": share["arn"],
        "bucket": share["bucket"], "database": "octo_acme_g1", "entry": doors,
    }  # fmt: skip


@contextmanager
def _up(home: Path, name: str, wanted: Wanted) -> Iterator[tuple[Cell, dict[str, Any]]]:
    host = open_host(home=home, cell=name.removeprefix("cell-"), cloud="aws", clock="stepped")
    try:
        program: Callable[[], None] = declaring(load("aws"), wanted, AccountFacts(id=ACCOUNTS["aws"], sandbox=True))
        stack = Stack.create_or_select(name, workspace(home, host, program))
        host.embedded.bind(program)
        outputs = {key: output.value for key, output in stack.up().outputs.items()}
        yield Cell(host=host, stack=stack, failures=lambda *_: []), outputs
    finally:
        host.close()
        SimulatedClock.of(host.database).stop()
        host.database.close()

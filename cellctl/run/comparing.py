"""One cell on every cloud: what it promises there, and what it means where that is not the same. Asks no cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellctl import clouds
from cellctl.errors import NotYet, Problem, SpecError, UsageError
from cellctl.facts import promises as known
from cellctl.facts.promises import Promise
from cellctl.run.status import load

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.run.options import RunOptions
    from cellctl.spec import CellSpec
    from cellctl.state.values import Value

_REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
_KEPT = ("octopus", "nodes", "database", "ingress", "network", "maintenance", "protection")
_OWN = {"octopus": ("licence",), "ingress": ("certificate", "balancer"), "network": ("existing",)}
"""What of a section belongs to one cloud: references to its objects, and choices that only it has."""
_OPTIONAL = {"nodes": ("os",), "ingress": ("polling", "grpc")}
"""What a cloud may not have yet; the comparison goes on without it, and says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One topic: what each cloud promises, and the difference in meaning, `` where there is none."""

    topic: str
    title: str
    promises: Mapping[str, Promise]
    difference: str

    @property
    def same(self) -> bool:
        """Whether all clouds promise the same."""
        return len({promise.value for promise in self.promises.values()}) == 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A cell on every cloud. `regions` by cloud; `missing` is what a cloud does not have yet and what was left out.

    `broken` is what the cell's own stack does not keep of what its cloud promises.
    """

    cell: str
    regions: Mapping[str, str]
    rows: tuple[Row, ...]
    missing: Mapping[str, tuple[Problem, ...]]
    broken: tuple[str, ...] = ()


def compare(spec: CellSpec, *, stack: Sequence[tuple[str, Mapping[str, Value]]] = ()) -> Comparison:
    """Return what a cell promises on every cloud. It is looked at as a dedicated cell, wherever it is placed.

    Args:
        spec: The cell.
        stack: Types and inputs of what its stack has, to be held against what is promised; nothing if empty.

    Raises:
        SpecError: A cloud cannot have it at all.
        UsageError: The SDK of a cloud is not installed.
    """
    found: dict[str, tuple[Promise, ...]] = {}
    regions: dict[str, str] = {}
    missing: dict[str, tuple[Problem, ...]] = {}
    for cloud in clouds.names():
        wanted, left_out = _possible(spec, cloud)
        found[cloud] = known.promises(cloud, clouds.load(cloud).layout(wanted).to_json())
        regions[cloud] = wanted.spec.region
        missing |= {cloud: left_out} if left_out else {}
    rows = []
    for number, topic in enumerate(known.topics()):
        given = {cloud: promised[number] for cloud, promised in found.items()}
        differs = len({promise.value for promise in given.values()}) > 1
        rows.append(
            Row(
                topic=topic.name,
                title=topic.title,
                promises=given,
                difference=topic.difference if differs else "",
            )
        )
    own = spec.spec.placement == "dedicated"
    broken = known.unkept(found[spec.spec.cloud], stack) if stack and own else []
    return Comparison(cell=spec.metadata.name, regions=regions, rows=tuple(rows), missing=missing, broken=tuple(broken))


def declared(home: Home, cell: str, options: RunOptions) -> list[tuple[str, Mapping[str, Value]]]:
    """Return types and inputs of what a cell's stack has, as its state says; empty where there is none."""
    loaded = load(home, cell, options)
    return [(row.type, row.inputs) for row in loaded.checkpoint.resources if not row.delete] if loaded else []


def _possible(spec: CellSpec, cloud: str) -> tuple[CellSpec, tuple[Problem, ...]]:
    """Return the cell on a cloud, without what it cannot have there, and what that was."""
    from cellctl.spec import refuse_pending

    wanted = on_cloud(spec, cloud)
    try:
        refuse_pending(wanted)
        clouds.load(cloud).layout(wanted)
    except (NotYet, SpecError) as error:
        if wanted == spec:
            raise
        return on_cloud(spec, cloud, plain=True), error.problems
    return wanted, ()


def on_cloud(spec: CellSpec, cloud: str, *, plain: bool = False) -> CellSpec:
    """Return a cell as its file would say it for a cloud; `plain` leaves out what clouds may not have yet."""
    from cellctl.spec import CellSpec

    if spec.spec.cloud == cloud and spec.spec.placement == "dedicated":
        return spec
    told = spec.to_json()["spec"]
    assert isinstance(told, dict)
    if spec.spec.cloud == cloud:
        return CellSpec.model_validate({**spec.to_json(), "spec": {**told, "placement": "dedicated"}})
    body: dict[str, object] = {
        "cloud": cloud,
        "account": spec.spec.account,
        "region": known.counterpart(spec.spec.region) or _region(cloud),
        "preset": spec.spec.preset,
        "storage": {"sizeGiB": spec.spec.storage.size_gib},
    }
    for section in _KEPT:
        dropped = (*_OWN.get(section, ()), *(_OPTIONAL.get(section, ()) if plain else ()))
        values = told.get(section)
        if isinstance(values, dict):
            body[section] = {key: value for key, value in values.items() if key not in dropped}
    return CellSpec.model_validate({"metadata": spec.to_json()["metadata"], "spec": body})


def _region(cloud: str) -> str:
    if cloud not in _REGIONS:
        raise UsageError(f"no region of {cloud} is known to compare with", code="no_region")
    return _REGIONS[cloud]

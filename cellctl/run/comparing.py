"""One cell on every cloud: what it promises there, and what it means where that is not the same. Asks no cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellctl import clouds
from cellctl.errors import NotYet, Problem, SpecError, UsageError
from cellctl.facts import promises as known
from cellctl.facts.conditions import at
from cellctl.facts.promises import Promise
from cellctl.run.explaining import rows

if TYPE_CHECKING:
    from cellctl.clouds import Layout
    from cellctl.home import Home
    from cellctl.run.options import RunOptions
    from cellctl.spec import CellSpec
    from cellctl.state.values import Value

_REGIONS = {"aws": "eu-west-1", "azure": "westeurope"}
_KEPT = ("octopus", "nodes", "database", "ingress", "network", "maintenance", "protection")
_GROUND = {"network": ("existing",), "ingress": ("zone",), "protection": ("key",)}
"""What of others a cell stands on: it is compared as one that has all of its own."""
_OWN = {"octopus": ("licence",), "ingress": ("certificate", "balancer", "firewall", "authority")}
"""What of a section belongs to one cloud: references to its objects, and choices that only it has."""
_LEVEL: Mapping[str, str] = {"network": ""}
"""The site of a cell that names a certificate alone: where it is does not change what the cell promises."""
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
        return _alike(self.promises)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A cell on every cloud. `regions` by cloud; `missing` is what a cloud does not have yet and what was left out.

    `broken` is what the cell's own stack does not keep of what its cloud promises. `reef` is where the cell stands, of
    which nothing is said here, and `borrowed` the fields that name what of others it stands on: it is compared as one
    that has its own.
    """

    cell: str
    regions: Mapping[str, str]
    rows: tuple[Row, ...]
    missing: Mapping[str, tuple[Problem, ...]]
    broken: tuple[str, ...] = ()
    reef: str = ""
    borrowed: tuple[str, ...] = ()


def compare(spec: CellSpec, *, stack: Sequence[tuple[str, Mapping[str, Value]]] = ()) -> Comparison:
    """Return what a cell promises on every cloud. It is looked at as one that stands alone, wherever it is placed.

    Args:
        spec: The cell.
        stack: Types and inputs of what its stack has, to be held against what is promised; nothing if empty, or where
            the cell stands on a reef, or on a network, zone or key of others.

    Raises:
        SpecError: A cloud cannot have it at all.
        UsageError: The SDK of a cloud is not installed.
    """
    found: dict[str, tuple[Promise, ...]] = {}
    regions: dict[str, str] = {}
    missing: dict[str, tuple[Problem, ...]] = {}
    for cloud in clouds.names():
        layout, left_out = _possible(spec, cloud)
        found[cloud], regions[cloud] = known.promises(cloud, layout.to_json()), layout.region
        missing |= {cloud: left_out} if left_out else {}
    compared = []
    for number, topic in enumerate(known.topics()):
        given = {cloud: promised[number] for cloud, promised in found.items()}
        own = (promise.difference for promise in given.values() if promise.difference)
        difference = "" if _alike(given) else next(own, topic.difference)
        compared.append(Row(topic=topic.name, title=topic.title, promises=given, difference=difference))
    broken = known.unkept(found[spec.spec.cloud], stack) if stack and _alone(spec) else []
    return Comparison(
        cell=spec.metadata.name,
        regions=regions,
        rows=tuple(compared),
        missing=missing,
        broken=tuple(broken),
        reef="" if spec.spec.placement == "dedicated" else spec.spec.placement.reef,
        borrowed=tuple(_borrowed(spec)),
    )


def _alike(promises: Mapping[str, Promise]) -> bool:
    return len({promise.value for promise in promises.values()}) == 1


def declared(home: Home, cell: str, options: RunOptions) -> list[tuple[str, Mapping[str, Value]]]:
    """Return types and inputs of what a cell's stack has, as its state says; empty where there is none."""
    return [(row.type, row.inputs) for row in rows(home, cell, options)]


def _possible(spec: CellSpec, cloud: str) -> tuple[Layout, tuple[Problem, ...]]:
    """Return the layout of the cell on a cloud, without what it cannot have there, and what that was."""
    from cellctl.spec import refuse_pending

    wanted, layout = on_cloud(spec, cloud), clouds.load(cloud).layout
    try:
        refuse_pending(wanted)
        return layout(wanted, site=_LEVEL if wanted.spec.ingress.balancer != "load_balancer" else None), ()
    except (NotYet, SpecError) as error:
        if spec.spec.cloud == cloud:
            raise
        return layout(on_cloud(spec, cloud, plain=True)), error.problems


def _borrowed(spec: CellSpec) -> Iterator[str]:
    told = spec.to_json()["spec"]
    assert isinstance(told, dict)
    for section, fields in _GROUND.items():
        yield from (f"{section}.{field}" for field in fields if at(told, f"{section}.{field}"))


def _alone(spec: CellSpec) -> bool:
    return spec.spec.placement == "dedicated" and not [*_borrowed(spec)]


def on_cloud(spec: CellSpec, cloud: str, *, plain: bool = False) -> CellSpec:
    """Return a cell as its file would say it for a cloud, standing alone.

    `plain` leaves out what clouds may not have yet.
    """
    from cellctl.spec import CellSpec

    if spec.spec.cloud == cloud and _alone(spec):
        return spec
    told = spec.to_json()["spec"]
    assert isinstance(told, dict)
    alone = {**told, "placement": "dedicated"}
    for section, borrowed in _GROUND.items():
        alone[section] = _without(alone[section], borrowed)
    if spec.spec.network.existing is not None:
        del alone["network"]  # it has no range of its own to keep
    if spec.spec.cloud == cloud:
        return CellSpec.model_validate({**spec.to_json(), "spec": alone})
    body: dict[str, object] = {
        "cloud": cloud,
        "account": spec.spec.account,
        "region": known.counterpart(spec.spec.region) or _region(cloud),
        "preset": spec.spec.preset,
        "storage": {"sizeGiB": spec.spec.storage.size_gib},
    }
    for section in (section for section in _KEPT if section in alone):
        dropped = (*_OWN.get(section, ()), *(_OPTIONAL.get(section, ()) if plain else ()))
        body[section] = _without(alone[section], dropped)
    return CellSpec.model_validate({"metadata": spec.to_json()["metadata"], "spec": body})


def _without(section: object, keys: Sequence[str]) -> dict[str, object]:
    assert isinstance(section, dict)
    return {key: value for key, value in section.items() if key not in keys}


def _region(cloud: str) -> str:
    if cloud not in _REGIONS:
        raise UsageError(f"no region of {cloud} is known to compare with", code="no_region")
    return _REGIONS[cloud]

"""What AWS cannot do, refused before anything is declared. All problems at once; no look-up.

What holds on both clouds, or needs no fact of AWS, is refused by `cellctl.spec` already.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import TYPE_CHECKING

from cellctl.errors import Problem, SpecError
from cellctl.spec import refuse_pending
from cellctl.spec.reef_rules import findings, refuse_pending_reef
from cellctl_components.layout import facts

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl.spec.account import AccountSpec
    from cellctl.spec.reef import ReefSpec

DEFAULT_CIDR = "10.64.0.0/20"
_LEAST_ZONES = 2
_LONGEST_PREFIX = 23  # sixteen subnets of /27: a load balancer needs a /27 (ELB user guide)
_LONGEST_HOST = 253
_RESERVED_ZONES = ("amazonaws.com", "aws.amazon.com")


def zone_letters(region: str) -> tuple[str, ...]:
    """Return the letters of a region's zones, none for a region that is not known."""
    letters = facts("aws", "regions")["zones"].get(region)
    return tuple(str(letter) for letter in letters) if isinstance(letters, list) else ()


def check(spec: CellSpec) -> None:
    """Refuse what AWS cannot do.

    Raises:
        SpecError: With every problem.
        NotYet: The spec is right, and this version cannot do it.
    """
    problems = [*_region(spec), *_network(spec), *_ingress(spec), *_tags(spec)]
    problems += _edition(spec) if spec.spec.placement == "dedicated" else []
    if problems:
        raise SpecError(problems)
    refuse_pending(spec)


def check_reef(spec: ReefSpec) -> None:
    """Refuse a reef that AWS cannot have.

    Raises:
        SpecError: With every problem.
        NotYet: The spec is right, and this version cannot do it.
    """
    problems = [*findings(spec), *_region(spec), *_edition(spec), *_tags(spec)]
    if problems:
        raise SpecError(problems)
    refuse_pending_reef(spec)


def check_account(spec: AccountSpec) -> None:
    """Refuse an account's base in a region that AWS has not; raises SpecError."""
    problems = _region(spec)
    if problems:
        raise SpecError(problems)


def _region(spec: CellSpec | ReefSpec | AccountSpec) -> list[Problem]:
    region = spec.spec.region
    known = facts("aws", "regions")["zones"]
    if region not in known:
        near = difflib.get_close_matches(region, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "regions are listed in cellctl/facts/aws/layout/regions.toml"
        return [Problem(field="spec.region", message=f"AWS has no region '{region}' that cellctl knows", hint=hint)]
    count = len(zone_letters(region))
    if count < _LEAST_ZONES:
        return [Problem(field="spec.region", message=f"{region} has {count} zone; a cell needs {_LEAST_ZONES} or more")]
    return []


def _network(spec: CellSpec) -> list[Problem]:
    network = ipaddress.IPv4Network(spec.spec.network.cidr or DEFAULT_CIDR)
    if spec.spec.network.existing is not None:
        return []  # it is judged once it was looked at: site_rules
    if network.prefixlen > _LONGEST_PREFIX:
        return [
            Problem(
                field="spec.network.cidr",
                message=f"{network} is too small for a cell on AWS: a load balancer needs a /27 in each zone",
                hint=f"use a /{_LONGEST_PREFIX} or larger, such as {network.supernet(new_prefix=20)}",
            )
        ]
    return []


def _ingress(spec: CellSpec) -> list[Problem]:
    host, problems = spec.spec.ingress.host, []
    if host.endswith(_RESERVED_ZONES):
        problems.append(Problem(field="spec.ingress.host", message="AWS keeps this domain for itself"))
    if len(f"polling.{host}") > _LONGEST_HOST:
        problems.append(Problem(field="spec.ingress.host", message="leaves no room for polling.HOST and files.HOST"))
    return problems


def _edition(spec: CellSpec | ReefSpec) -> list[Problem]:
    """Refuse what RDS does not sell of an edition: it would say so when the host is made, half an hour later."""
    data, asked = facts("aws", "sizes")["database"], spec.spec.database
    not_on, problems = data["not_on"], []
    assert isinstance(not_on, dict)
    excluded, classes = not_on.get(asked.edition), data["classes"]
    if isinstance(excluded, list) and asked.tier in excluded and isinstance(classes, dict):
        message = f"{asked.edition} is not sold on {classes[asked.tier]}"
        problems.append(
            Problem(field="spec.database.tier", message=message, hint="a larger tier, or edition: standard")
        )
    alone = data["one_zone"]
    if isinstance(alone, list) and asked.edition in alone and asked.multi_zone:
        message = f"the {asked.edition} edition has no second zone on RDS"
        problems.append(
            Problem(field="spec.database.multiZone", message=message, hint="multiZone: false, or edition: standard")
        )
    return problems


def _tags(spec: CellSpec | ReefSpec) -> list[Problem]:
    allowed = re.compile(r"[\w\s_.:/=+\-@]*")
    own = {"cell", "reef", "managed-by", "incarnation", "owner"}
    problems = [
        Problem(field=f"metadata.labels.{key}", message="is a tag that cellctl sets itself")
        for key in spec.metadata.labels
        if key in own
    ]
    values = {f"metadata.labels.{key}": value for key, value in spec.metadata.labels.items()}
    for field, value in {**values, "metadata.owner": spec.metadata.owner}.items():
        if not allowed.fullmatch(value):
            problems.append(Problem(field=field, message="AWS tags hold letters, digits, spaces and _ . : / = + - @"))
    return problems

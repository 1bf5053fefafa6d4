"""Read `cellctl.yaml`, and the text of a new one. Loads pydantic."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cellctl.drift import Rule
from cellctl.errors import SpecError
from cellctl.guard.exceptions import Freeze, PolicyException
from cellctl.home.accounts import Account, HomeFile
from cellctl.spec import home as section
from cellctl.spec import source
from cellctl.spec.problems import placed
from cellctl.spec.reading import doubts, parsed, validate

HOME_TEXT = """\
# yaml-language-server: $schema=.cellctl/schemas/home-v1.json
# A cellctl home. Cells are in cells/; what cellctl remembers is in .cellctl/ (not for git).
apiVersion: cellctl/v1
kind: Home
# The account `sandbox` always exists and is simulated: nothing real is created. Real accounts are named here:
#   prod: {cloud: aws, id: "123456789012", regions: [eu-west-1], apply: {role: "arn:aws:iam::123456789012:role/x"}}
accounts: {}
"""


def load_home(path: Path) -> HomeFile:
    """Return what a `cellctl.yaml` says.

    Raises:
        SpecError: Every problem of the file, with its place.
    """
    return loads_home(source.read(path), source.shown(path))


def loads_home(text: str, file: str = "cellctl.yaml") -> HomeFile:
    """Return what the text of a `cellctl.yaml` says; SpecError with every problem."""
    found = parsed(text, file)
    home, wrong = validate(section.HomeSection, found.data, found)
    wrong += [item for item in doubts(found) if item[0] not in {path for path, _ in wrong}]
    problems = [problem for _, problem in wrong]
    if home is not None:
        problems += section.findings(home)
    if problems or home is None:
        raise SpecError(placed(problems, found, file))
    return HomeFile(
        accounts={name: _account(name, entry) for name, entry in home.accounts.items()},
        registry=home.registry or "",
        drift=tuple(map(_rule, home.drift)),
        policies=tuple(map(_exception, home.policies)),
        freezes=tuple(map(_freeze, home.freezes)),
        signers=home.approval.signers if home.approval else (),
    )


def _rule(entry: section.DriftRule) -> Rule:
    return Rule(
        type=entry.type,
        name=entry.name,
        path=entry.path,
        drift_class=entry.class_,
        owner=entry.owner,
        reason=entry.reason,
        until=date.fromisoformat(entry.until),
    )


def _exception(entry: section.PolicySection) -> PolicyException:
    return PolicyException(
        policy=entry.policy,
        type=entry.type,
        name=entry.name,
        cell=entry.cell,
        owner=entry.owner,
        until=date.fromisoformat(entry.until),
        reason=entry.reason,
    )


def _freeze(entry: section.FreezeSection) -> Freeze:
    return Freeze(
        reason=entry.reason,
        owner=entry.owner,
        since=date.fromisoformat(entry.since) if entry.since else None,
        until=date.fromisoformat(entry.until) if entry.until else None,
        cell=entry.cell,
        labels=entry.labels,
        operations=entry.operations,
        outside_window=entry.outside_window,
    )


def _account(name: str, entry: section.AccountSection) -> Account:
    return Account(
        name=name,
        cloud=entry.cloud,
        id=entry.id,
        tenant=entry.tenant or "",
        administrators=entry.administrators or "",
        principal=entry.principal or "",
        sql_identity=entry.sql_identity or "",
        queue_role=entry.queue_role or "",
        private_zones=entry.private_zones or "",
        regions=entry.regions,
        apply_role=entry.apply.role if entry.apply else "",
        preview_role=entry.preview.role if entry.preview else "",
        state=entry.state or "",
        secrets=entry.secrets or "",
        logs=entry.logs or "",
        reach=entry.reach,
        control_cidr=entry.control_cidr or "",
        signers=entry.approval.signers if entry.approval else (),
    )

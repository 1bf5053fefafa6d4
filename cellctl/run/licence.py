"""The licence that a plan would install, looked at before anything is made; what it says is never brought here."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from cellctl.guard import Licence
from cellctl.run.target import ADMINISTRATOR

if TYPE_CHECKING:
    from cellctl.plan import Plan
    from cellctl.run.session import Session
    from cellctl.state.values import Value

_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:(?P<name>.+)")
_URI = re.compile(r"https://(?P<vault>[^./]+)\.[^/]+/secrets/(?P<name>[^/]+)")
_OWN_VAULT = "{} is a secret of the vault that this very run would make"
_EXAMPLE = "https://kv-octopus-licences.vault.azure.net/secrets/{}"


def to_install(session: Session, plan: Plan) -> Licence | None:
    """Return the licence that `plan` would read; None where it reads none, or where that cannot be known from here."""
    reference = str(_after(plan, ADMINISTRATOR, "licenceSecret") or "")
    if not reference:
        return None
    nodes = _nodes(session)
    uri, found = _URI.match(reference), session.licence(reference)
    limit, missing = found.get("nodes"), found.get("missing")
    if isinstance(limit, int):
        return Licence(reference=reference, nodes=nodes, limit=limit)
    if uri and _after(plan, "azure-native:keyvault:Vault", "vaultName") == uri["vault"]:
        remedy = "name a secret of a vault that is there, by its URI, in octopus.licence.secret; " + _putting(
            session, _EXAMPLE.format(uri["name"])
        )
        return Licence(reference=reference, nodes=nodes, missing=_OWN_VAULT.format(reference), remedy=remedy)
    if missing is None and not session.target.account.simulated:
        return None  # a runner in the network may read what this machine may not
    missing = str(missing or found.get("unknown"))
    return Licence(reference=reference, nodes=nodes, missing=missing, remedy=_putting(session, reference))


def _after(plan: Plan, type_: str, path: str) -> Value:
    """Return what a property of the only resource of a type becomes; None where it stays."""
    found = (item.after for change in plan.changes if change.type == type_ for item in change.diff if item.path == path)
    return next(found, None)


def _nodes(session: Session) -> int:
    body = session.target.spec.get("spec")
    nodes = body.get("nodes") if isinstance(body, dict) else None
    count = nodes.get("count") if isinstance(nodes, dict) else None
    return int(count) if isinstance(count, int | float) else 0


def _putting(session: Session, reference: str) -> str:
    """Return the command that puts a licence where it is looked for."""
    arn, uri = _ARN.match(reference), _URI.match(reference)
    if session.target.account.simulated:
        told = " --home " in f"{session.options.command} "
        home = f" --home {shlex.quote(str(session.target.home.root))}" if told else ""
        return f"cellctl sandbox secret {reference} --put --from-file licence.xml{home}"
    if arn:
        name = shlex.quote(re.sub(r"-[A-Za-z0-9]{6}$", "", arn["name"]))
        return (
            f"aws secretsmanager create-secret --region {arn['region']} --name {name} "
            "--secret-string file://licence.xml"
        )
    where = f"--vault-name {uri['vault']} --name {uri['name']}" if uri else ""
    return f"az keyvault secret set {where} --file licence.xml"

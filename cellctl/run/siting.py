"""What a stack uses of its account and does not own: looked at before its first run, frozen into it from then on.

While nothing of the stack exists, every run looks anew: what was free yesterday may be taken. Once something exists the
site that its record holds is what counts, so that previews need nobody to ask (docs/adr/0008).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cellctl.facts.conditions import at

if TYPE_CHECKING:
    from cellctl.run.session import Session
    from cellctl.state.values import Struct

_FIELDS = {
    "network": "spec.network.existing",
    "ingress.zone": "spec.ingress.zone",
    "protection.key": "spec.protection.key",
}
_CERTIFICATE = "ingress.certificate"
_OWN = "of its own"
WANTED = "wanted"


def wants(spec: Struct) -> Struct:
    """Return what a spec names that is there already, `{}` for one that names nothing."""
    found = {name: at(spec, path) for name, path in _FIELDS.items()} | {_CERTIFICATE: _vault(spec)}
    return {name: value for name, value in found.items() if value}


def words(spec: Struct) -> dict[str, str]:
    """Return in words, by the field, what a spec names; of its own is what it does not name. For the guards."""
    if not spec:
        return {}
    wanted = wants(spec)
    found = {
        name: _OWN if name not in wanted else str(value) if isinstance(value := wanted[name], str) else _network(value)
        for name in _FIELDS
    }
    return found | {_CERTIFICATE: _vault(spec)}


def still_wanted(site: Struct, spec: Struct) -> Struct:
    """Return a site that was found for this spec's wants; `{}` if it was for others."""
    before = site.get(WANTED)
    return site if isinstance(before, dict) and _told(before) == _told(wants(spec)) else {}


def _told(wanted: Struct) -> Struct:
    """Return what was wanted without what nobody said: a newer cellctl has more fields to say nothing in."""
    return {
        name: {key: one for key, one in value.items() if one not in (None, [])} if isinstance(value, dict) else value
        for name, value in wanted.items()
    }


def settle(session: Session) -> None:
    """Look where nobody has looked for this stack, or nothing of it exists yet.

    Raises:
        GuardError: What its file names is not as it needs it; every objection is listed.
    """
    from cellctl.run.target import living

    target = session.target
    if not wants(target.spec):
        return
    loaded = session.load()
    exists = loaded is not None and bool(living(loaded.checkpoint) or loaded.checkpoint.pending)
    if exists and target.site:
        return
    recorded = session.record().get("site") if exists else None  # where the state is elsewhere it is read only now
    session.settle(exists=exists, known=still_wanted(recorded, target.spec) if isinstance(recorded, dict) else {})


def _vault(spec: Struct) -> str:
    """Return the vault of which an application gateway takes its certificate, `` for every other cell."""
    if at(spec, "spec.ingress.balancer") != "application_gateway":
        return ""
    return str(at(spec, "spec.ingress.certificate") or "").rpartition("/secrets/")[0]


def _network(value: object) -> str:
    there = value if isinstance(value, dict) else {}
    subnets = [str(one) for key in sorted(there) if key.endswith("ubnets") for one in there[key] or ()]
    return f"{there.get('id')} ({', '.join(dict.fromkeys(subnets)) or json.dumps(there)})"

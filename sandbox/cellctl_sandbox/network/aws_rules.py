"""What a listener of a load balancer on AWS does with a name: its rules, its default, the certificate it shows."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

from cellctl.facts.conditions import at, every
from cellctl.state.values import Value
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network.addresses import within
from cellctl_sandbox.network.entry import Redirect
from cellctl_sandbox.network.verdict import Place
from cellctl_sandbox.standins.cloud_view import CloudObject

RULE = "aws:lb/listenerRule:ListenerRule"
SHOWN = "aws:lb/listenerCertificate:ListenerCertificate"
CERTIFICATE = "aws:acm/certificate:Certificate"


def actions(estate: Estate, listener: CloudObject, name: str, source: Place) -> list[Value]:
    """Return what a listener does for a client that asks for a host: the first rule that fits, or its default."""
    rules = [rule for rule in estate.all(RULE) if rule.text("listenerArn") == listener.id]
    for rule in sorted(rules, key=_priority):
        conditions = list(every(rule.properties, "conditions.*"))
        if conditions and all(_holds(one, name, source) for one in conditions):
            return list(every(rule.properties, "actions.*"))
    return list(every(listener.properties, "defaultActions.*"))


def _priority(rule: CloudObject) -> float:
    found = rule.properties.get("priority")
    return found if isinstance(found, int | float) else 0.0


def _holds(condition: Value, name: str, source: Place) -> bool:
    """Tell whether a condition on host or client holds; the sandbox takes no other kind."""
    hosts = [str(one).lower() for one in every(condition, "hostHeader.values.*")]
    clients = [str(one) for one in every(condition, "sourceIp.values.*")]
    if hosts:
        return any(fnmatchcase(name.lower(), host) for host in hosts)
    return any(within(source.address, block) for block in clients)


def redirect(found: list[Value]) -> Redirect | None:
    """Return how actions send everybody on to HTTPS, None if they do something else."""
    for action in found:
        if at(action, "type") == "redirect" and at(action, "redirect.protocol") == "HTTPS":
            status = str(at(action, "redirect.statusCode") or "").removeprefix("HTTP_")
            return Redirect(status=int(status or 0), port=int(str(at(action, "redirect.port") or 0)))
    return None


def turns_away(found: list[Value]) -> int:
    """Return the status with which actions answer by themselves, 0 if they do something else."""
    for action in found:
        if at(action, "type") == "fixed-response":
            return int(str(at(action, "fixedResponse.statusCode") or 0))
    return 0


def shows(estate: Estate, listener: CloudObject, name: str) -> tuple[str, ...]:
    """Return the names in the certificate that a client who asks for `name` is shown, empty for that very name.

    A certificate that no stack here has made was brought by people, for the names that they use it for.
    """
    attached = [item.text("certificateArn") for item in estate.all(SHOWN) if item.text("listenerArn") == listener.id]
    default = listener.text("certificateArn")
    made = {arn: estate.one(CERTIFICATE, arn) for arn in (*attached, default)}
    if any(found is None or any(_covers(one, name) for one in _names(found)) for found in made.values()):
        return ()
    shown = made[default]
    return tuple(_names(shown)) if shown else ()


def _covers(pattern: str, name: str) -> bool:
    """Tell whether a name in a certificate stands for a host: a star is one label."""
    if pattern.startswith("*."):
        return name.lower().partition(".")[2] == pattern[2:].lower()
    return pattern.lower() == name.lower()


def _names(certificate: CloudObject) -> Iterator[str]:
    body = certificate.text("certificateBody")
    if body:
        yield from _in(body)
        return
    yield certificate.text("domainName")
    yield from (str(one) for one in every(certificate.properties, "subjectAlternativeNames.*"))


@lru_cache(maxsize=256)
def _in(body: str) -> tuple[str, ...]:
    from cryptography import x509

    found = x509.load_pem_x509_certificate(body.encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(names.get_values_for_type(x509.DNSName))

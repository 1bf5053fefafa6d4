"""Alerts on a load balancer's metrics that could never go off."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.facts.conditions import at, every
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network.azure_names import BALANCER
from cellctl_sandbox.standins.cloud_view import CloudObject

ALERT = "azure-native:monitor:MetricAlert"
_PROBED = "DipAvailability"
"""Health probe status. Source: Microsoft Learn, Standard load balancer diagnostics, metrics, 2026-11."""


def trouble(estate: Estate, alert: CloudObject) -> str:
    """Return why an alert watches nothing, `` if it does. Azure would show it only when the alert stays silent."""
    return next(_unwatched(estate, alert), "")


def _unwatched(estate: Estate, alert: CloudObject) -> Iterator[str]:
    if _PROBED not in every(alert.properties, "criteria.allOf.*.metricName"):
        return
    for scope in every(alert.properties, "scopes.*"):
        balancer = estate.one(BALANCER, str(scope))
        for rule in every(balancer.properties, "loadBalancingRules.*") if balancer else ():
            if not at(rule, "probe.id"):
                yield f"{_PROBED} is of probes, and rule {at(rule, 'name')} of {str(scope).rpartition('/')[2]} has none"

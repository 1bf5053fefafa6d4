"""What an Azure subscription may have and what is in use of it, asked of Azure Resource Manager as its application.

`cellctl.facts.asking` says how. What cannot be asked is the default, and `doubt` says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx

from cellctl import facts
from cellctl.errors import UsageError
from cellctl.facts.asking import Used, questions
from cellctl.facts.conditions import at, every
from cellctl.state.values import Struct, Value
from cellctl_provider.azure import skus
from cellctl_provider.azure.federation import MANAGEMENT, AzureRefused, pages, token

_TIMEOUT_S = 20.0


class AzureQuotas:
    """Asks about one subscription. `client` is closed with it."""

    def __init__(
        self,
        client: httpx.Client,
        *,
        subscription: str,
        tenant: str,
        application: str,
        environment: Mapping[str, str],
    ) -> None:
        self._client, self._subscription = client, subscription
        self._tenant, self._application, self._environment = tenant, application, environment
        self._token = ""
        self._sizes: dict[str, dict[str, tuple[str, ...]]] = {}

    def usage(self, quota: str, *, inside: str, region: str) -> Mapping[str, Value] | None:
        """Return `{"used", "limit", "because", "doubt"}` as `cellctl_provider.aws.quotas` does."""
        question = questions("azure").get(quota)
        if question is None:
            return None
        service, _, name = quota.partition(".")
        default = facts.service("azure", service).quotas[name].default
        asked, limit, doubt = question.used, None, ""
        used: int | None = None
        try:
            used, limit = asked.told(self._answers(asked, inside, region))
        except (AzureRefused, UsageError) as error:
            doubt = str(error)
        because = "Azure Resource Manager tells it" if limit is not None else "the documented limit"
        return {"used": used, "limit": default if limit is None else limit, "because": because, "doubt": doubt}

    def offered(self, size: Mapping[str, Value], *, region: str) -> Mapping[str, Value] | None:
        """Return `{"zones", "doubt"}`: the zones that offer a machine's size; None for anything else."""
        if size.get("kind") != "machine":
            return None
        try:
            zones = self._machines(region).get(str(size.get("name")), ())
        except (AzureRefused, UsageError) as error:
            return {"zones": [], "doubt": str(error)}
        return {"zones": [*zones], "doubt": ""}

    def _machines(self, region: str) -> dict[str, tuple[str, ...]]:
        """Return the zones of each size of a region: one answer of megabytes, so it is asked for once."""
        if region not in self._sizes:
            words = {"api-version": skus.SKUS_VERSION, "$filter": skus.in_region(region)}
            rows = (sku for page in self._pages(skus.SKUS, words) for sku in every(page, "value"))
            machines = (sku for sku in rows if at(sku, "resourceType") in (None, "virtualMachines"))
            self._sizes[region] = {str(at(sku, "name")): skus.zones(sku) for sku in machines}
        return self._sizes[region]

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _answers(self, asked: Used, inside: str, region: str) -> Iterator[Struct]:
        path = "/".join(filter(None, (asked.client, asked.call))).format(region=region, inside=inside)
        yield from self._pages(path, asked.words)

    def _pages(self, path: str, words: Mapping[str, str]) -> Iterator[Struct]:
        """Yield every page of an answer."""
        if not self._token:
            self._token = token(
                self._client, tenant=self._tenant, application=self._application, audience=MANAGEMENT,
                environment=self._environment,
            )  # fmt: skip
        url = f"{MANAGEMENT}/subscriptions/{self._subscription}/{path}"
        headers = {"Authorization": f"Bearer {self._token}"}
        for page in pages(self._client, url, headers=headers, params=words):
            yield dict(page)  # type: ignore[arg-type]  # what JSON holds


def federated(*, account: str, role: str, tenant: str, environment: Mapping[str, str]) -> AzureQuotas:
    """Return what asks a subscription as its application (entry-point group `cellctl.quotas`)."""
    client = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
    return AzureQuotas(client, subscription=account, tenant=tenant, application=role, environment=environment)

"""What an AWS account was raised to and what is in use of it: asked of Service Quotas and of the services themselves.

`cellctl.facts.asking` says how. What cannot be asked is the default, and `doubt` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol, cast

from cellctl import facts
from cellctl.facts.asking import Granted, Used, questions
from cellctl.facts.conditions import at, every
from cellctl.state.values import Struct, Value
from cellctl_provider.credentials import FederatedCredentials
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config

_UNSET = ("NoSuchResourceException", "NoSuchResource")


class _Pages(Protocol):
    def paginate(self, **words: object) -> Iterator[Struct]: ...


class _Client(Protocol):
    """What all clients of boto3 have, and that of Service Quotas."""

    def can_paginate(self, call: str) -> bool: ...
    def get_paginator(self, call: str) -> _Pages: ...
    def get_service_quota(self, **words: str) -> Struct: ...
    def get_aws_default_service_quota(self, **words: str) -> Struct: ...
    def close(self) -> None: ...


class AwsQuotas:
    """Asks as the role whose sessions it gets, by region. Changes nothing."""

    def __init__(self, sessions: Callable[[str], Session]) -> None:
        self._sessions = sessions
        self._clients: dict[tuple[str, str], _Client] = {}

    def usage(self, quota: str, *, inside: str, region: str) -> Mapping[str, Value] | None:
        """Return `{"used", "limit", "because", "doubt"}` of a quota `SERVICE.NAME`, None if nobody knows how to ask.

        `used` is None where it cannot be counted; `limit` is then, and where nothing else is told, the default.
        """
        question = questions("aws").get(quota)
        if question is None:
            return None
        service, _, name = quota.partition(".")
        default = facts.service("aws", service).quotas[name].default
        used, limit, doubt = self._used(question.used, inside, region)
        because = "the service itself tells it"
        if limit is None:
            limit, because, why = self._granted(question.granted, region)
            doubt = "; ".join(filter(None, (doubt, why)))
        return {"used": used, "limit": default if limit is None else limit, "because": because, "doubt": doubt}

    def offered(self, size: Mapping[str, Value], *, region: str) -> Mapping[str, Value]:
        """Return `{"zones", "doubt"}`: the availability zones that offer a size of a machine or a database."""
        name, engine = str(size.get("name")), str(size.get("engine") or "")
        try:
            database = size.get("kind") == "database"
            zones = self._databases(name, engine, region) if database else self._machines(name, region)
        except Exception as error:  # as above
            return {"zones": [], "doubt": said(error)}
        return {"zones": [*sorted(zones)], "doubt": ""}

    def _machines(self, name: str, region: str) -> set[str]:
        wanted = [{"Name": "instance-type", "Values": [name]}]
        pages = self._client("ec2", region).get_paginator("describe_instance_type_offerings")
        answers = pages.paginate(LocationType="availability-zone", Filters=wanted)
        return {str(zone) for page in answers for zone in every(page, "InstanceTypeOfferings.*.Location")}

    def _databases(self, name: str, engine: str, region: str) -> set[str]:
        pages = self._client("rds", region).get_paginator("describe_orderable_db_instance_options")
        answers = pages.paginate(Engine=engine, DBInstanceClass=name)
        found = "OrderableDBInstanceOptions.*.AvailabilityZones.*.Name"
        return {str(zone) for page in answers for zone in every(page, found)}

    def close(self) -> None:
        """Close pooled connections."""
        for client in self._clients.values():
            client.close()

    def _used(self, used: Used, inside: str, region: str) -> tuple[int | None, int | None, str]:
        words = {key: text.format(inside=inside, region=region) for key, text in used.words.items()}
        try:
            return *used.told(self._answers(used.client, used.call, words, region)), ""
        except Exception as error:  # what botocore and a session raise has no common base
            return None, None, f"{used.client} {used.call}: {said(error)}"

    def _answers(self, client: str, call: str, words: Mapping[str, str], region: str) -> Iterator[Struct]:
        """Yield every page of an answer."""
        asked = self._client(client, region)
        if asked.can_paginate(call):
            yield from asked.get_paginator(call).paginate(**words)
        else:
            yield getattr(asked, call)(**words)

    def _client(self, service: str, region: str) -> _Client:
        if (service, region) not in self._clients:
            made = self._sessions(region).client(service, region_name=region, config=_config())  # type: ignore[call-overload]
            self._clients[service, region] = cast("_Client", made)
        return self._clients[service, region]

    def _granted(self, granted: Granted | None, region: str) -> tuple[int | None, str, str]:
        """Return what Service Quotas tells of a limit, in what words, and why it does not."""
        if granted is None:
            return None, "the default: AWS has no code by which to ask for what the account was raised to", ""
        try:
            told = self._told(granted, granted.region or region)
        except Exception as error:  # as above
            return None, "the default: Service Quotas could not be asked", f"Service Quotas: {said(error)}"
        name, value = str(at(told, "Quota.QuotaName")), at(told, "Quota.Value")
        if not fnmatchcase(name, granted.named) or not isinstance(value, int | float):
            doubt = f"Service Quotas calls {granted.code} '{name}', and not '{granted.named}'"
            return None, "the default: what Service Quotas tells is of something else", doubt
        return int(value), f"Service Quotas, {granted.code}", ""

    def _told(self, granted: Granted, region: str) -> Struct:
        """Return what an account has of a quota; one that it never raised is told as AWS's default only."""
        client = self._client("service-quotas", region)
        words = {"ServiceCode": granted.service, "QuotaCode": granted.code}
        try:
            return client.get_service_quota(**words)
        except Exception as error:  # as above
            if _code(error) not in _UNSET:
                raise
            return client.get_aws_default_service_quota(**words)


def federated(*, account: str, role: str, tenant: str, environment: Mapping[str, str]) -> AwsQuotas:
    """Return what asks a real account as its role (entry-point group `cellctl.quotas`)."""
    del tenant, environment
    variables = {"cellctl:config:awsRole": role, "cellctl:config:awsAccount": account}
    return AwsQuotas(FederatedCredentials(variables).aws)


def said(error: Exception) -> str:
    """Return what an error of AWS says, in one line."""
    if isinstance(error, ProviderError):
        return error.message
    code = _code(error)
    if not code:
        return f"{type(error).__name__}: {error}"[:200]
    response = getattr(error, "response", {})
    return f"{code}: {response['Error'].get('Message', '')}"


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _config() -> Config:
    """A look must not take long: it stands in front of every plan that creates something."""
    from botocore.config import Config

    return Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=20)

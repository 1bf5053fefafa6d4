"""From a running appliance to an activated gateway, once: adopt by instance id before anything else.

ActivateGateway has no client token and the appliance closes port 80 once it is activated, so a run that was killed in
between can only find its gateway through ListGateways (measured: reference/aws.md 2.2 and 2.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from cellctl.dialer import Route
from cellctl_provider.aws.clients import gateway_code, translated
from cellctl_provider.polling import poll

if TYPE_CHECKING:
    from mypy_boto3_storagegateway import StorageGatewayClient

    from cellctl_provider.context import Context

APPLIANCE_LIMIT_S = 20 * 60.0
_EVERY_S = 10.0
_TIMEOUT_S = 5.0
_KEY = re.compile(r"[A-Z0-9]{5}(-[A-Z0-9]{5}){4}")
_KEY_IS_NO_GOOD = ("ActivationKeyInvalid", "ActivationKeyExpired", "ActivationKeyNotFound")


@dataclass(frozen=True, kw_only=True, slots=True)
class Appliance:
    """Where the appliance is, and how its gateway is to be called."""

    region: str
    instance_id: str
    address: str
    gateway_name: str
    timezone: str
    vpc_endpoint: str
    tags: Mapping[str, str]


def find(client: StorageGatewayClient, instance_id: str) -> str:
    """Return the ARN of the gateway that runs on an instance, connected or not; `` if there is none."""
    with translated("listing gateways"):
        for page in client.get_paginator("list_gateways").paginate():
            for gateway in page.get("Gateways", []):
                if gateway.get("Ec2InstanceId") == instance_id:
                    return gateway["GatewayARN"]
    return ""


def exists(client: StorageGatewayClient, arn: str) -> bool:
    """Tell whether a gateway is listed, connected or not."""
    with translated("listing gateways"):
        pages = client.get_paginator("list_gateways").paginate()
        return any(gateway.get("GatewayARN") == arn for page in pages for gateway in page.get("Gateways", []))


def activated(context: Context, client: StorageGatewayClient, appliance: Appliance) -> str:
    """Return the ARN of the appliance's gateway, activating it if nobody has.

    Raises:
        ProviderError: The appliance gave no key within 20 minutes (`unreachable`).
    """

    trouble = ""

    def look() -> str | None:
        nonlocal trouble
        arn = find(client, appliance.instance_id)
        if arn:
            return arn
        key, trouble = _key(context, appliance)
        return _activate(client, appliance, key) if key else None

    what = f"an answer of the appliance on {appliance.address}:80 (instance {appliance.instance_id})"
    return poll(context, look, what=what, every_s=_EVERY_S, limit_s=APPLIANCE_LIMIT_S, why=lambda: trouble)


def _activate(client: StorageGatewayClient, appliance: Appliance, key: str) -> str | None:
    from botocore.exceptions import ClientError

    with translated("activating the gateway"):
        try:
            answer = client.activate_gateway(
                ActivationKey=key,
                GatewayName=appliance.gateway_name,
                GatewayTimezone=appliance.timezone,
                GatewayRegion=appliance.region,
                GatewayType="FILE_S3",
                Tags=[{"Key": name, "Value": value} for name, value in sorted(appliance.tags.items())],
            )
        except ClientError as error:
            if gateway_code(error.response) in _KEY_IS_NO_GOOD:
                return None  # somebody else activated it, or the key grew old: look again
            raise
    return answer["GatewayARN"]


def _key(context: Context, appliance: Appliance) -> tuple[str, str]:
    """Return an activation key, or `` and why the appliance does not answer (booting, or activated)."""
    query = {"activationRegion": appliance.region, "gatewayType": "FILE_S3", "no_redirect": ""}
    if appliance.vpc_endpoint:
        query["vpcEndpoint"] = appliance.vpc_endpoint
    try:
        route = context.dialer.route(appliance.address, 80)
        status, location, body = _get(route, f"/?{urlencode(query)}")
    except (OSError, HTTPException) as error:
        return "", str(error)
    if status == HTTPStatus.FOUND:
        target = urlsplit(location)
        found = parse_qs(target.query) | parse_qs(target.fragment.partition("?")[2])
        text = found.get("activationKey", [""])[0]
    else:
        text = body.strip() if status == HTTPStatus.OK else ""
    return (text, "") if _KEY.fullmatch(text) else ("", f"HTTP {status} without a key")


def _get(route: Route, path: str) -> tuple[int, str, str]:
    """Return status, Location and body of a plain GET. Redirects are not followed."""
    connection = HTTPConnection(route.host, route.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("location", ""), answer.read(4096).decode("latin-1")
    finally:
        connection.close()

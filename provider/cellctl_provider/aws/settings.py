"""Settings of a gateway, applied only where what the service describes differs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cellctl.state.values import Struct, Value
from cellctl_provider.aws.clients import translated
from cellctl_provider.inputs import needed, text, text_map, texts, truth, whole_map
from cellctl_provider.polling import poll
from cellctl_provider.protocol import ProviderError
from cellctl_provider.smb.client import account_of

if TYPE_CHECKING:
    from mypy_boto3_storagegateway import StorageGatewayClient
    from mypy_boto3_storagegateway.literals import GatewayCapacityType, SMBSecurityStrategyType
    from mypy_boto3_storagegateway.type_defs import JoinDomainInputTypeDef

    from cellctl_provider.context import Context

_WINDOW = {"dayOfWeek": "DayOfWeek", "dayOfMonth": "DayOfMonth", "hourOfDay": "HourOfDay", "minuteOfHour": "MinuteOfHour"}  # fmt: skip  # noqa: E501
_CAPACITIES: Mapping[str, GatewayCapacityType] = {"Small": "Small", "Medium": "Medium", "Large": "Large"}
_STRATEGIES: Mapping[str, SMBSecurityStrategyType] = {
    "ClientSpecified": "ClientSpecified",
    "MandatorySigning": "MandatorySigning",
    "MandatoryEncryption": "MandatoryEncryption",
    "MandatoryEncryptionNoAes128": "MandatoryEncryptionNoAes128",
}
_JOINED, _JOINING = "JOINED", ("JOINING", "DETACHED")
_DENIED = ("ACCESS_DENIED", "INSUFFICIENT_PERMISSIONS")
_JOIN_EVERY_S, _JOIN_LIMIT_S = 10.0, 10 * 60.0
CAPACITIES = tuple(_CAPACITIES)
STRATEGIES = tuple(_STRATEGIES)


def described(client: StorageGatewayClient, arn: str) -> Struct:
    """Return the settings as the service has them, under the names of the inputs.

    Raises:
        ProviderError: The gateway is not connected (`unreachable`) or gone (`not_found`).
    """
    with translated("reading the gateway's settings"):
        gateway = client.describe_gateway_information(GatewayARN=arn)
        smb = client.describe_smb_settings(GatewayARN=arn)
        window = client.describe_maintenance_start_time(GatewayARN=arn)
    tags: dict[str, Value] = {tag["Key"]: tag["Value"] for tag in gateway.get("Tags", [])}
    maintenance: dict[str, Value] = {
        name: int(found) for name, key in _WINDOW.items() if isinstance(found := dict(window).get(key), int)
    }
    return {
        "gatewayName": gateway.get("GatewayName", ""),
        "timezone": gateway.get("GatewayTimezone", ""),
        "capacity": gateway.get("GatewayCapacity", "Small"),
        "logGroupArn": gateway.get("CloudWatchLogGroupARN", ""),
        "smbSecurityStrategy": smb.get("SMBSecurityStrategy", ""),
        "smbShareVisibility": smb.get("FileSharesVisible", True),
        "domain": smb.get("DomainName", "") if smb.get("ActiveDirectoryStatus") == _JOINED else "",
        "guestPasswordSet": smb.get("SMBGuestPasswordSet", False),
        "maintenance": maintenance,
        "tags": tags,
    }


def apply(
    context: Context, client: StorageGatewayClient, arn: str, wanted: Mapping[str, Value], *, new_password: bool
) -> None:
    """Bring the gateway's settings to `wanted`, the inputs; what no input names is left as it is.

    `new_password` sets the guest password although one is set.
    """
    current = described(client, arn)
    with translated("changing the gateway's settings"):
        _apply_information(client, arn, wanted, current)
        _apply_smb(client, arn, wanted, current)
        window = whole_map(wanted, "maintenance")
        if window and window != whole_map(current, "maintenance"):
            _apply_window(client, arn, window)
        _apply_tags(client, arn, text_map(wanted, "tags"), text_map(current, "tags"))
    if text(wanted, "domain") and text(wanted, "domain").lower() != text(current, "domain").lower():
        _join(context, client, arn, wanted)
    secret = text(wanted, "guestPasswordSecret")
    if secret and (new_password or not truth(current, "guestPasswordSet")):
        stored = context.secrets.ensure(secret, lambda: secrets.token_urlsafe(24))
        with translated("setting the SMB guest password"):
            client.set_smb_guest_password(GatewayARN=arn, Password=stored.value)


def _join(context: Context, client: StorageGatewayClient, arn: str, wanted: Mapping[str, Value]) -> None:
    """Join the domain and wait for it: shares that know its users come after.

    Raises:
        ProviderError: The secret has another shape, or the domain does not take the gateway (`auth`, `unreachable`).
    """
    domain, reference = text(wanted, "domain"), needed(wanted, "domainSecret")
    stored = context.secrets.get(reference)
    account = account_of(stored.value if stored else "", reference)
    given: JoinDomainInputTypeDef = {
        "GatewayARN": arn,
        "DomainName": domain,
        "UserName": account.username.rpartition("\\")[2],
        "Password": account.password,
    }
    if text(wanted, "domainUnit"):
        given["OrganizationalUnit"] = text(wanted, "domainUnit")
    if texts(wanted, "domainControllers"):
        given["DomainControllers"] = texts(wanted, "domainControllers")
    with translated(f"joining domain {domain}"):
        client.join_domain(**given)

    def look() -> bool | None:
        with translated(f"looking whether the gateway is in domain {domain}"):
            status = client.describe_smb_settings(GatewayARN=arn).get("ActiveDirectoryStatus", "")
        if status in _JOINING:
            return None
        if status != _JOINED:
            message = f"domain {domain} does not take the gateway: {status}"
            raise ProviderError(message, code="auth" if status in _DENIED else "unreachable")
        return True

    poll(context, look, what=f"membership of domain {domain}", every_s=_JOIN_EVERY_S, limit_s=_JOIN_LIMIT_S)


def _apply_information(
    client: StorageGatewayClient, arn: str, wanted: Mapping[str, Value], current: Mapping[str, Value]
) -> None:
    keys = ("gatewayName", "timezone", "capacity", "logGroupArn")
    if all(text(wanted, key) in ("", text(current, key)) for key in keys):
        return
    client.update_gateway_information(
        GatewayARN=arn,
        GatewayName=text(wanted, "gatewayName") or text(current, "gatewayName"),
        GatewayTimezone=text(wanted, "timezone") or text(current, "timezone"),
        GatewayCapacity=_CAPACITIES[text(wanted, "capacity") or text(current, "capacity")],
        CloudWatchLogGroupARN=text(wanted, "logGroupArn") or text(current, "logGroupArn"),
    )


def _apply_smb(
    client: StorageGatewayClient, arn: str, wanted: Mapping[str, Value], current: Mapping[str, Value]
) -> None:
    strategy = text(wanted, "smbSecurityStrategy")
    if strategy and strategy != text(current, "smbSecurityStrategy"):
        client.update_smb_security_strategy(GatewayARN=arn, SMBSecurityStrategy=_STRATEGIES[strategy])
    if "smbShareVisibility" in wanted and truth(wanted, "smbShareVisibility") != truth(current, "smbShareVisibility"):
        client.update_smb_file_share_visibility(GatewayARN=arn, FileSharesVisible=truth(wanted, "smbShareVisibility"))


def _apply_window(client: StorageGatewayClient, arn: str, window: Mapping[str, int]) -> None:
    hour, minute = window.get("hourOfDay", 0), window.get("minuteOfHour", 0)
    if "dayOfMonth" in window:
        client.update_maintenance_start_time(
            GatewayARN=arn, HourOfDay=hour, MinuteOfHour=minute, DayOfMonth=window["dayOfMonth"]
        )
        return
    client.update_maintenance_start_time(
        GatewayARN=arn, HourOfDay=hour, MinuteOfHour=minute, DayOfWeek=window.get("dayOfWeek", 0)
    )


def _apply_tags(client: StorageGatewayClient, arn: str, wanted: Mapping[str, str], current: Mapping[str, str]) -> None:
    """Add and change tags; those that others put on the gateway stay."""
    changed = [{"Key": key, "Value": value} for key, value in wanted.items() if current.get(key) != value]
    if changed:
        client.add_tags_to_resource(
            ResourceARN=arn, Tags=[{"Key": tag["Key"], "Value": tag["Value"]} for tag in changed]
        )

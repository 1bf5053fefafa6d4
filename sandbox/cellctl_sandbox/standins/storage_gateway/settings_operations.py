"""Operations on the settings of a gateway: SMB, maintenance window, tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cellctl.state.values import Struct
from cellctl_sandbox.standins.aws_json import Call, Operation
from cellctl_sandbox.standins.cloud_view import CloudView
from cellctl_sandbox.standins.storage_gateway.gateway_operations import invalid, key_values, tag_map
from cellctl_sandbox.standins.storage_gateway.gateways import GatewayRecord, Gateways
from cellctl_sandbox.standins.storage_gateway.shares import ShareBook

_JOINING_S = 60.0
"""Simulated seconds until a gateway is in its domain. Source: estimate, 2026-11."""


class SettingsOperations:
    """What the API does with the settings of gateways, and with tags of gateways and shares."""

    def __init__(
        self, gateways: Gateways, shares: ShareBook, view: CloudView, *, password: Callable[[str], str | None]
    ) -> None:
        self._view, self._password = view, password
        self._gateways = gateways
        self._shares = shares

    def operations(self) -> dict[str, Operation]:
        """Return the operations by their API names."""
        return {
            "JoinDomain": self.join,
            "SetSMBGuestPassword": self.set_guest_password,
            "UpdateSMBSecurityStrategy": self.update_strategy,
            "UpdateSMBFileShareVisibility": self.update_visibility,
            "DescribeSMBSettings": self.describe_smb,
            "UpdateMaintenanceStartTime": self.update_maintenance,
            "DescribeMaintenanceStartTime": self.describe_maintenance,
            "ListTagsForResource": self.list_tags,
            "AddTagsToResource": self.add_tags,
            "RemoveTagsFromResource": self.remove_tags,
        }

    def join(self, call: Call) -> Struct:
        """Join a domain as one of its users; whether that was allowed is told a while later."""
        record = self._gateways.connected(call.text("GatewayARN"))
        known = self._password(call.text("UserName")) == call.text("Password")
        joined = {
            "domain": call.text("DomainName"),
            "domain_status": "JOINED" if known else "ACCESS_DENIED",
            "domain_from_s": float(self._view.now()) + _JOINING_S,
        }
        self._gateways.update(record.arn, lambda old: replace(old, **joined))  # type: ignore[arg-type]  # its fields
        return {"GatewayARN": record.arn, "ActiveDirectoryStatus": "JOINING"}

    def set_guest_password(self, call: Call) -> Struct:
        """Set the password of user `smbguest`: one for the whole gateway. It is not kept, only that it is set."""
        return self._changed(call, guest_password_set=True)

    def update_strategy(self, call: Call) -> Struct:
        """Set what SMB clients must agree to."""
        return self._changed(call, smb_strategy=call.text("SMBSecurityStrategy"))

    def update_visibility(self, call: Call) -> Struct:
        """Set whether shares are listed to clients."""
        return self._changed(call, shares_visible=call.parameters["FileSharesVisible"] is True)

    def _changed(
        self,
        call: Call,
        *,
        guest_password_set: bool | None = None,
        smb_strategy: str | None = None,
        shares_visible: bool | None = None,
    ) -> Struct:
        record = self._gateways.connected(call.text("GatewayARN"))

        def apply(current: GatewayRecord) -> GatewayRecord:
            password_set = current.guest_password_set if guest_password_set is None else guest_password_set
            return replace(
                current,
                guest_password_set=password_set,
                smb_strategy=smb_strategy or current.smb_strategy,
                shares_visible=current.shares_visible if shares_visible is None else shares_visible,
            )

        return {"GatewayARN": self._gateways.update(record.arn, apply).arn}

    def describe_smb(self, call: Call) -> Struct:
        """Describe the SMB settings."""
        record = self._gateways.connected(call.text("GatewayARN"))
        return {
            "GatewayARN": record.arn,
            **({"DomainName": record.domain} if record.domain else {}),
            "ActiveDirectoryStatus": "JOINING" if self._view.now() < record.domain_from_s else record.domain_status,
            "SMBGuestPasswordSet": record.guest_password_set,
            "SMBSecurityStrategy": record.smb_strategy,
            "FileSharesVisible": record.shares_visible,
        }

    def update_maintenance(self, call: Call) -> Struct:
        """Set the weekly or monthly window, in the gateway's time zone."""
        record = self._gateways.connected(call.text("GatewayARN"))
        names = ("DayOfWeek", "DayOfMonth", "HourOfDay", "MinuteOfHour")
        window = {name: value for name in names if isinstance(value := call.parameters.get(name), int)}
        if "DayOfWeek" in window and "DayOfMonth" in window:
            raise invalid("Give DayOfWeek or DayOfMonth, not both.")
        return {"GatewayARN": self._gateways.update(record.arn, lambda old: replace(old, maintenance=window)).arn}

    def describe_maintenance(self, call: Call) -> Struct:
        """Describe the maintenance window."""
        record = self._gateways.connected(call.text("GatewayARN"))
        return {"GatewayARN": record.arn, "Timezone": record.timezone, **record.maintenance}

    def list_tags(self, call: Call) -> Struct:
        """List the tags of a gateway or a share."""
        arn = call.text("ResourceARN")
        tags = self._gateways.get(arn).tags if ":gateway/" in arn else self._shares.tags(arn)
        return {"ResourceARN": arn, "Tags": key_values(dict(tags))}

    def add_tags(self, call: Call) -> Struct:
        """Add or replace tags."""
        return self._retagged(call, tag_map(call.parameters["Tags"]), [])

    def remove_tags(self, call: Call) -> Struct:
        """Remove tags by their keys."""
        keys = call.parameters["TagKeys"]
        return self._retagged(call, {}, [str(key) for key in keys] if isinstance(keys, list) else [])

    def _retagged(self, call: Call, added: dict[str, str], removed: list[str]) -> Struct:
        arn = call.text("ResourceARN")

        def merged(tags: dict[str, str]) -> dict[str, str]:
            return {key: value for key, value in (tags | added).items() if key not in removed}

        if ":gateway/" in arn:
            self._gateways.update(arn, lambda record: replace(record, tags=merged(record.tags)))
        else:
            self._shares.retag(arn, merged)
        return {"ResourceARN": arn}

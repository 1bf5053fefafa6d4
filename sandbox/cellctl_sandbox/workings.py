"""What a simulated service does with an object once it is made, and why it cannot: roles, trust, keys, network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cellctl_sandbox.clouds.records import CloudRecord
from cellctl_sandbox.clouds.trouble import Trouble

if TYPE_CHECKING:
    from cellctl_sandbox.network import Reachability

RUN_COMMAND = "azure-native:compute:VirtualMachineRunCommandByVirtualMachine"
WAITS_S: Mapping[str, float] = {
    "aws:storagegateway/nfsFileShare:NfsFileShare": 600.0,
    "aws:storagegateway/smbFileShare:SmbFileShare": 600.0,
    RUN_COMMAND: 900.0,
}
"""Simulated seconds that a provider or a script waits before it gives up. Source: pulumi-aws (10 minutes for a share,
reference/aws.md 2.1), the bootstrap script (15 minutes for a port)."""


class Workings:
    """Satisfies `cellctl_sandbox.clouds.trouble.Services`; `reachability` is asked for when something was made."""

    def __init__(self, reachability: Callable[[], Reachability]) -> None:
        self._reachability = reachability

    def trouble(self, record: CloudRecord) -> Trouble | None:
        """Return what keeps an object that exists from coming into service; None if nothing does."""
        from cellctl_sandbox.iam import PolicyError

        try:
            why = self._why(record)
        except PolicyError as error:
            why = str(error)
        if not why:
            return None
        settles = self._reachability().settles_s(record.cell)
        return Trouble(why=why, after_s=WAITS_S.get(record.type, 0.0), settles_s=settles)

    def _why(self, record: CloudRecord) -> str:
        if record.type == RUN_COMMAND:
            machine = record.id.rsplit("/", 2)[0]
            why = self._reachability().boot_hindrance(record.cell, machine)
            return f"the script failed: {why}" if why else ""
        why = self._reachability().trouble(record.cell, record.type, record.id)
        share = record.type in WAITS_S
        return f"timeout while waiting for the file share (last state: CREATING): {why}" if share and why else why

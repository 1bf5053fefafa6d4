"""Port 80 of an appliance: open to cellctl while its gateway is activated, and at no other time.

The rule is no resource of a program: it is added to the gateway's security group right before the appliance is asked
and revoked right after, also where that failed. A run that was killed in between has left it open; the next one that
works on the gateway closes it (reference aws.md 1.1: bring-up may add and revoke the rule).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellctl_provider.aws.clients import tolerated, translated
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from cellctl_provider.context import Context

PORT = 80
_THERE, _GONE = "InvalidPermission.Duplicate", "InvalidPermission.NotFound"
_WHY = "Activation, by cellctl: open for minutes"


@dataclass(frozen=True, slots=True)
class Door:
    """Port 80 of a security group for one range; without a group a rule of the program's is there, and stays."""

    region: str
    group: str
    cidr: str


class Doors:
    """Opens and closes doors for the gateways of one provider; those of a reef share theirs: the last one closes it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._inside: Counter[Door] = Counter()

    @contextmanager
    def opened(self, door: Door) -> Iterator[None]:
        """Hold a door open for the block.

        Raises:
            ProviderError: It cannot be opened; or the block failed, and then the text says if it could not be closed.
        """
        if not door.group:
            yield
            return
        with self._lock:
            if not self._inside[door]:
                self._open(door)
            self._inside[door] += 1
        try:
            yield
        except ProviderError as error:
            left = self._left(door)
            if left:
                raise ProviderError(f"{error.message}; {left}", code=error.code) from error
            raise
        except BaseException:
            self._left(door)
            raise
        self._left(door)  # what could not be closed now is closed by `shut`, once the gateway's id is known

    def shut(self, door: Door) -> None:
        """Close what an earlier run has left open, unless another gateway needs it now.

        Raises:
            ProviderError: It cannot be closed.
        """
        with self._lock:
            if door.group and not self._inside[door]:
                self._close(door)

    def _left(self, door: Door) -> str:
        """Leave; the last one closes. Return why it stays open, `` if it does not."""
        with self._lock:
            self._inside[door] -= 1
            if self._inside[door]:
                return ""
            try:
                self._close(door)
            except ProviderError as error:
                return f"port {PORT} of {door.group} stays open to {door.cidr}: {error.message}"
        return ""

    def _open(self, door: Door) -> None:
        rule = {
            "IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT,
            "IpRanges": [{"CidrIp": door.cidr, "Description": _WHY}],
        }  # fmt: skip
        client = self._context.aws.ec2(door.region)
        with translated(f"opening port {PORT} of {door.group}"), tolerated(_THERE):
            client.authorize_security_group_ingress(GroupId=door.group, IpPermissions=[rule])

    def _close(self, door: Door) -> None:
        rule = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": door.cidr}]}
        client = self._context.aws.ec2(door.region)
        with translated(f"closing port {PORT} of {door.group}"), tolerated(_GONE):
            client.revoke_security_group_ingress(GroupId=door.group, IpPermissions=[rule])

"""Whether the queue that an Octopus node was told of serves it: a way to it, TLS, and the token it asks for."""

from __future__ import annotations

from collections.abc import Callable

from cellctl_sandbox.clouds.view import ObjectView
from cellctl_sandbox.network.aws_names import QUEUE
from cellctl_sandbox.network.boot import boot_of
from cellctl_sandbox.network.kept_secrets import VERSION
from cellctl_sandbox.standins.cloud_view import CloudObject, find


class Queues:
    """Queues of one sandbox; `cut_off` says why a machine does not reach the one that it was told of."""

    def __init__(self, view: ObjectView, cut_off: Callable[[CloudObject], str]) -> None:
        self._view = view
        self._cut_off = cut_off

    def trouble(self, machine: CloudObject) -> str | None:
        """Return why its queue does not serve a node, `` if it does, None where its script names none."""
        boot = boot_of(machine)
        if boot is None or not boot.queue[0]:
            return None
        host, _, secret = boot.queue
        queue = find(self._view, QUEUE, "primaryEndpointAddress", host)
        if queue is None:
            return f"no queue answers at {host}"
        if queue.properties.get("transitEncryptionEnabled") is not True:
            return f"{queue.id} does not speak TLS"
        token, wanted = self._token(secret), queue.text("authToken")
        return f"{queue.id} refuses the token" if token != wanted else self._cut_off(machine)

    def _token(self, secret: str) -> str:
        versions = [item for item in self._view.objects(VERSION) if item.text("secretId") == secret]
        return versions[-1].text("secretString") if versions else ""

"""Whether the queue that an Octopus node was told of serves it: a way to it, TLS, and the token it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from cellctl_sandbox.network.aws_names import INSTANCE, QUEUE
from cellctl_sandbox.network.azure_names import MACHINE
from cellctl_sandbox.network.boot import boot_of
from cellctl_sandbox.network.kept_secrets import VERSION
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView, find
from cellctl_sandbox.standins.documents import Documents

_SHARES = (re.compile(r"'\\\\[^\\']+\\(?P<share>[^\\']+)"), re.compile(r'"share": "(?P<share>[^"]+)"'))
"""How the share is named that nodes share besides: in a line of PowerShell, and in JSON."""
_KIND = "queue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a machine that runs was told of a queue. `version` is that of the token's secret which it read then."""

    host: str
    port: int
    secret: str
    version: str
    share: str


class Queues:
    """Queues of one sandbox; `cut_off` says why a machine does not reach the one that it was told of.

    Machines are told at their first boot, or later: `documents` keep what these were told. `unread` says why a machine
    may not read a secret, `closed` why it cannot mount a share. `on_azure` answers for machines there.
    """

    def __init__(
        self,
        view: CloudView,
        cut_off: Callable[[CloudObject, str, int], str],
        *,
        documents: Documents,
        unread: Callable[[CloudObject, str], str],
        closed: Callable[[CloudObject, str], str],
        on_azure: Callable[[CloudObject], str | None] = lambda _: None,
    ) -> None:
        self._view = view
        self._cut_off = cut_off
        self._documents = documents
        self._unread = unread
        self._closed = closed
        self._on_azure = on_azure

    def tell(self, machine: str, given: Mapping[str, str]) -> str:
        """Write down what a script tells a machine; return why it fails there, `` if it does not."""
        instance = next((item for item in self._view.objects(INSTANCE) if item.id == machine), None)
        mounted = next((found for one in _SHARES if (found := one.search(given.get("mount", "")))), None)
        host, _, port = given.get("address", "").partition(":")
        if instance is None or mounted is None or not port.isdigit():
            return f"there is no such machine as {machine}" if instance is None else "no queue or no folder was named"
        why = self._unread(instance, given["secret"])
        if why:
            return f"Get-SECSecretValue: {why}"
        version = self._version(given["secret"])
        if version is None:
            return "Get-SECSecretValue: the secret has no value"
        told = Told(host=host, port=int(port), secret=given["secret"], version=version.id, share=mounted["share"])
        with self._documents.transaction() as transaction:
            transaction.put(_KIND, machine, asdict(told))
        return ""

    def trouble(self, machine: CloudObject) -> str | None:
        """Return why its queue does not serve a node, `` if it does, None where its script names none."""
        if machine.type == MACHINE:
            return self._on_azure(machine)
        told, boot = self._told(machine.id), boot_of(machine)
        if told is not None:
            host, port, secret = told.host, told.port, told.secret
        elif boot is not None and boot.queue[0]:
            host, port, secret = boot.queue
        else:
            return None
        closed = self._closed(machine, told.share) if told is not None else ""
        if closed:
            return closed
        queue = find(self._view, QUEUE, "primaryEndpointAddress", host)
        if queue is None:
            return f"no queue answers at {host}"
        if queue.properties.get("transitEncryptionEnabled") is not True:
            return f"{queue.id} does not speak TLS"
        version = self._version(secret, told.version if told is not None else "")
        token = version.text("secretString") if version is not None else ""
        known = token in self._accepted(queue, secret)
        return self._cut_off(machine, host, port) if known else f"{queue.id} refuses the token"

    def _accepted(self, queue: CloudObject, secret: str) -> list[str]:
        """Return the tokens that are good: after a rotation the one before it too."""
        wanted = queue.text("authToken")
        if queue.text("authTokenUpdateStrategy") != "ROTATE":
            return [wanted]
        tokens = [one.text("secretString") for one in self._versions(secret)]
        before = tokens[tokens.index(wanted) - 1 : tokens.index(wanted)] if wanted in tokens[1:] else []
        return [*before, wanted]

    def _told(self, machine: str) -> Told | None:
        with self._documents.transaction() as transaction:
            found = transaction.get(_KIND, machine)
        if found is None:
            return None
        port = found["port"]
        texts = {name: str(found[name]) for name in ("host", "secret", "version", "share")}
        return Told(**texts, port=int(port) if isinstance(port, int | float) else 0)

    def _version(self, secret: str, id_: str = "") -> CloudObject | None:
        """Return the version of a secret that is read now, or one that was read before and is still there."""
        versions = self._versions(secret)
        if id_:
            return next((item for item in versions if item.id == id_), None)
        return versions[-1] if versions else None

    def _versions(self, secret: str) -> list[CloudObject]:
        return [item for item in self._view.objects(VERSION) if item.text("secretId") == secret]

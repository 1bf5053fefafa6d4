"""The appliance's port 80: gives an activation key while the appliance is not activated, then closes for ever."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Sequence
from functools import partial

from cellctl.dialer import Route
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.storage_gateway.gateways import INSTANCE, spread
from cellctl_sandbox.standins.web import Answer, Listener, Request, Response, undisturbed

PORT = 80
_LETTERS = string.ascii_uppercase + string.digits


class ApplianceStandin:
    """Serves port 80 of every gateway instance that has booted and is not activated.

    `cell` narrows addresses to the instances of one cell (two cells may use one range), `` for any. `is_appliance`
    tells a gateway's instance from others, by its image.
    """

    def __init__(
        self,
        documents: Documents,
        view: CloudView,
        *,
        cell: str = "",
        is_appliance: Callable[[CloudObject], bool],
        disturb: Callable[[Answer], Answer] = undisturbed,
    ) -> None:
        self._documents = documents
        self._view = view
        self._cell = cell
        self._is_appliance = is_appliance
        self._disturb = disturb
        self._lock = threading.Lock()
        self._listeners: dict[str, Listener] = {}

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to the appliance with address `name`; None while or once it refuses connections."""
        if port != PORT:
            return None
        instance = next((item for item in self._open() if item.text("privateIp") == name), None)
        if instance is None:
            return None
        with self._lock:
            if instance.id not in self._listeners:
                self._listeners[instance.id] = Listener(self._disturb(partial(self._answer, instance)))
            port_here = self._listeners[instance.id].port
        return Route(host="127.0.0.1", port=port_here, url=f"http://127.0.0.1:{port_here}")

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return the appliances that wait for their activation."""
        return [(item.text("privateIp"), PORT, "activation port of a file gateway") for item in self._open()]

    def close(self) -> None:
        """Stop all listeners."""
        with self._lock:
            for listener in self._listeners.values():
                listener.close()
            self._listeners.clear()

    def _open(self) -> list[CloudObject]:
        """Return the appliances whose port 80 is open now."""
        now = self._view.now()
        return [
            item
            for item in self._view.objects(INSTANCE)
            if self._is_appliance(item)
            and self._cell in ("", item.cell)
            and now >= item.born_s + spread(item.id, 120, 240)
            and not self._activated(item)
        ]

    def _activated(self, instance: CloudObject) -> bool:
        with self._documents.transaction() as transaction:
            appliance = transaction.get("appliance", instance.id)
        return bool(appliance and appliance.get("gateway"))

    def _answer(self, instance: CloudObject, request: Request) -> Response:
        if self._activated(instance):
            return Response(drop=True)
        region = request.query.get("activationRegion", "")
        if request.method != "GET" or request.path != "/" or not region:
            return Response(status=404, body=b"not found", content_type="text/plain")
        key = self._new_key(instance, request.query.get("vpcEndpoint", ""))
        if "no_redirect" in request.query:
            return Response(body=key.encode(), content_type="text/plain")
        target = f"https://console.aws.amazon.com/storagegateway/home?region={region}#/gateway/activate"
        headers = {"Location": f"{target}?gatewayType=FILE_S3&activationKey={key}"}
        return Response(status=302, headers=headers, content_type="text/plain")

    def _new_key(self, instance: CloudObject, vpc_endpoint: str) -> str:
        """Make a key for this appliance; the one before it is void."""
        key = "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(5))
        with self._documents.transaction() as transaction:
            appliance = transaction.get("appliance", instance.id) or {}
            if not appliance.get("gateway"):
                issued_s = float(self._view.now())
                appliance |= {"instance": instance.id, "vpc_endpoint": vpc_endpoint}
                document = {**appliance, "key": key, "issued_s": issued_s}
                transaction.put("appliance", instance.id, document)
        return key

"""The part of Octopus Server's HTTP API that load balancers, `verify` and node operations use.

Paths, status codes and members: reference/octopus.md 2.2, read in Octopus' documentation until 2026-10.
"""

from __future__ import annotations

import json
import re

from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.octopus.nodes import NodeCatalogue, NodeFacts, NodeRow, NodeRows
from cellctl_sandbox.standins.web import Request, Response, json_response

_NODES = "/api/octopusservernodes"
_PING = f"{_NODES}/ping"
_ONE = re.compile(rf"{_NODES}/(?P<id>OctopusServerNodes-[^/]+)")
_DRAINING = 418


class NodeApi:
    """The API of one node. It accepts any API key that looks like one; the sandbox keeps none."""

    def __init__(self, catalogue: NodeCatalogue, rows: NodeRows, *, cell: str, node: str, probe_only: bool) -> None:
        self._catalogue = catalogue
        self._rows = rows
        self._cell = cell
        self._node = node
        self._probe_only = probe_only

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        node = self._facts()
        if node is None:
            return Response(drop=True)  # the machine is gone
        path = request.path.rstrip("/").lower() or "/"
        if self._probe_only and path != _PING:
            return _error(404, "This port answers the health probe only.")
        if not node.database:
            return _error(503, "The database cannot be opened.")
        open_to_all = self._open(request, path, node)
        return open_to_all or self._with_key(request, path)

    def _facts(self) -> NodeFacts | None:
        found = [node for node in self._catalogue.nodes() if (node.cell, node.name) == (self._cell, self._node)]
        return found[0] if found else None

    def _open(self, request: Request, path: str, node: NodeFacts) -> Response | None:
        """Answer what needs no API key; None for everything else."""
        if request.method not in ("GET", "HEAD"):
            return None
        if path == _PING:
            return self._ping()
        if path in ("/", "/app"):
            return Response(body=b"<!doctype html><title>Octopus Deploy (sandbox)</title>", content_type="text/html")
        documents: dict[str, Struct] = {
            "/api": {"Application": "Octopus Deploy", "Version": node.version, "ApiVersion": "3.0.0", "Links": {}},
            "/api/serverstatus": {"IsInMaintenanceMode": False, "IsDatabaseEncrypted": True, "Links": {}},
            "/api/serverstatus/hosted/internal": {"IsReady": True},
            "/api/serverstatus/redis": {"IsEnabled": False, "IsConfigured": False, "IsReachable": False},
        }
        return json_response(documents[path]) if path in documents else None

    def _ping(self) -> Response:
        row = next((row for row in self._rows.all(self._cell) if row.name == self._node), None)
        if row is None:
            return _error(503, "The node has not checked in yet.")
        return json_response(self._described(row), status=_DRAINING if row.draining else 200)

    def _with_key(self, request: Request, path: str) -> Response:
        if not request.headers.get("x-octopus-apikey", "").startswith("API-"):
            return _error(401, "You must be logged in to request this resource. Please provide a valid API key.")
        if path in (_NODES, f"{_NODES}/all", f"{_NODES}/summary") and request.method == "GET":
            return self._listed(summary=path.endswith("summary"))
        one = _ONE.fullmatch(request.path.rstrip("/"))
        if one is None:
            return _error(404, f"The resource '{request.path}' was not found.")
        if request.method == "PUT":
            return self._put(one["id"], request.body)
        if request.method == "DELETE":
            gone = self._rows.delete(self._cell, one["id"])
            return json_response({}) if gone else _error(404, f"The resource '{one['id']}' was not found.")
        row = next((row for row in self._rows.all(self._cell) if row.id == one["id"]), None)
        return json_response(self._described(row)) if row else _error(404, f"The resource '{one['id']}' was not found.")

    def _listed(self, *, summary: bool) -> Response:
        nodes: list[Value] = [self._described(row) for row in self._rows.all(self._cell)]
        return json_response({"Nodes": nodes} if summary else {"Items": nodes, "TotalResults": len(nodes)})

    def _put(self, row_id: str, body: bytes) -> Response:
        try:
            document = json.loads(body)
            draining, cap = document["IsInMaintenanceMode"], document.get("MaxConcurrentTasks")
        except (ValueError, KeyError, TypeError, AttributeError):
            return _error(400, "The body has no IsInMaintenanceMode.")
        if not isinstance(draining, bool) or not (cap is None or (isinstance(cap, int) and cap >= 0)):
            return _error(400, "IsInMaintenanceMode is true or false, MaxConcurrentTasks a number.")
        changed = self._rows.change(self._cell, row_id, draining=draining, cap=cap)
        return json_response(self._described(changed)) if changed else _error(404, f"'{row_id}' was not found.")

    def _described(self, row: NodeRow) -> Struct:
        up = row.name in {node.name for node in self._rows.up(self._cell)}
        return {
            "Id": row.id,
            "Name": row.name,
            "IsInMaintenanceMode": row.draining,
            "IsOffline": not up,
            "MaxConcurrentTasks": row.cap,
            "RunningTaskCount": 0,
            "LastSeen": _instant(self._catalogue.now()) if up else None,
            "Links": {"Self": f"{_NODES}/{row.id}"},
        }


def _instant(seconds: float) -> str:
    """Return simulated seconds as a time of day of the sandbox's first year, 2026."""
    import datetime

    epoch = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return (epoch + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def _error(status: int, message: str) -> Response:
    return json_response({"ErrorMessage": message, "Errors": [message]}, status=status)

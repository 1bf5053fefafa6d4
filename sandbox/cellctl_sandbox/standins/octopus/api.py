"""Octopus Server's HTTP API on one node: who may ask what, nodes and tasks; the rest is in `administration`.

Paths, status codes and members: reference/octopus.md 2.2; users, keys, teams and licences: the clients that Octopus
publishes (OctopusDeploy/OctopusClients and the API's own Swagger, read 2026-11).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.octopus import people
from cellctl_sandbox.standins.octopus.administration import administration
from cellctl_sandbox.standins.octopus.answers import error, fields, not_found
from cellctl_sandbox.standins.octopus.cluster import Cluster, Moment, NodeRow, TaskRow
from cellctl_sandbox.standins.octopus.nodes import NodePort
from cellctl_sandbox.standins.web import Request, Response, json_response

_NODES = "/api/octopusservernodes"
_PING = f"{_NODES}/ping"
_ONE = re.compile(rf"{_NODES}/(?P<id>OctopusServerNodes-[^/]+)")
_CANCEL = re.compile(r"/api/tasks/(?P<id>ServerTasks-\d+)/cancel")
_DRAINING = 418
_TASK_S = 300.0
"""How long a task of the sandbox takes that does not say it itself."""


class NodeApi:
    """The API of one node. `read_secret` gives the password that the bootstrap gave the first administrator."""

    def __init__(
        self, cluster: Cluster, *, cell: str, node: str, port: NodePort, read_secret: Callable[[str], str]
    ) -> None:
        self._cluster = cluster
        self._cell = cell
        self._node = node
        self._port = port
        self._read_secret = read_secret

    def answer(self, request: Request) -> Response:
        """Answer one HTTP request."""
        path = request.path.rstrip("/").lower() or "/"
        with self._cluster.moment(self._cell) as moment:
            node = next((item for item in moment.nodes if item.name == self._node), None)
            if node is None or not moment.machines[node.name].running:
                return Response(drop=True)  # the machine is gone, or nothing listens
            if self._port.polling:
                page = b"<!doctype html><title>Octopus Server</title>Polling Tentacles connect here."
                return Response(body=page, content_type="text/html")
            if self._port.probe_only and path != _PING:
                return error(404, "This port answers the health probe only.")
            if not node.works:
                return error(503, node.hindered or "The database cannot be opened.")
            if moment.damaged:
                return error(500, "The database was written to by two versions of Octopus Server.")
            open_to_all = self._open(request, path, moment)
        if open_to_all is not None:
            return open_to_all
        if path == "/api/users/login" and request.method == "POST":
            return self._sign_in(request)
        with self._cluster.moment(self._cell) as moment:
            return self._with_caller(request, path, moment)

    def _open(self, request: Request, path: str, moment: Moment) -> Response | None:
        """Answer what needs no API key; None for everything else."""
        if request.method not in ("GET", "HEAD"):
            return None
        if path == _PING:
            return self._ping(moment)
        if path in ("/", "/app"):
            return Response(body=b"<!doctype html><title>Octopus Deploy (sandbox)</title>", content_type="text/html")
        version = moment.machines[self._node].version
        queue = next((node.queue for node in moment.nodes if node.name == self._node), None)
        documents: dict[str, Struct] = {
            "/api": {"Application": "Octopus Deploy", "Version": version, "ApiVersion": "3.0.0", "Links": {}},
            "/api/serverstatus": {"IsInMaintenanceMode": False, "IsDatabaseEncrypted": True, "Links": {}},
            "/api/serverstatus/hosted/internal": {"IsReady": True},
            "/api/serverstatus/redis": {
                "IsEnabled": queue is not None,
                "IsConfigured": queue is not None,
                "IsReachable": queue == "",
            },
        }
        return json_response(documents[path]) if path in documents else None

    def _ping(self, moment: Moment) -> Response:
        row = next((row for row in moment.rows() if row.name == self._node), None)
        if row is None:
            return error(503, "The node has not checked in yet.")
        return json_response(_described(moment, row), status=_DRAINING if row.draining else 200)

    def _sign_in(self, request: Request) -> Response:
        given = fields(request.body, Username=str, Password=str)
        if isinstance(given, Response):
            return given
        self._ensure_administrator()
        with self._cluster.moment(self._cell) as moment:
            found = people.sign_in(moment, str(given["Username"]), str(given["Password"]))
        if found is None:
            return error(400, "Invalid username or password.")
        user, token, csrf = found
        attributes = "; Path=/; SameSite=Lax" + ("; Secure" if request.tls else "")
        cookies = [
            f"{people.SESSION_COOKIE}={token}{attributes}; HttpOnly",
            f"{people.CSRF_COOKIE}={csrf}{attributes}",
        ]
        answer = json_response({"Id": user["id"], "Username": user["username"]})
        return Response(body=answer.body, cookies=cookies)

    def _ensure_administrator(self) -> None:
        """The bootstrap of the first node made one; the secret is read outside any transaction."""
        with self._cluster.moment(self._cell) as moment:
            wanted = next((node.administrator for node in moment.nodes if node.administrator), None)
            there = wanted is None or bool(moment.all("user"))
        if wanted is not None and not there:
            password = self._read_secret(wanted.password_secret)
            with self._cluster.moment(self._cell) as moment:
                people.ensure_administrator(moment, wanted, password)

    def _with_caller(self, request: Request, path: str, moment: Moment) -> Response:
        caller = _caller(request, moment)
        if caller is None:
            return error(401, "You must be logged in to request this resource. Please provide a valid API key.")
        if request.method not in ("GET", "HEAD") and not people.admits(
            caller, request.headers.get("x-octopus-csrf-token", "")
        ):
            return error(401, "A required anti-forgery token was not supplied or was invalid.")
        if path == "/api/users/me" and request.method == "GET":
            return json_response({"Id": caller.user["id"], "Username": caller.user["username"]})
        if not caller.administrates:
            return error(403, "You do not have permission to perform this action.")
        return self._nodes(request, path, moment) or _tasks(request, path, moment) or administration(request, moment)

    def _nodes(self, request: Request, path: str, moment: Moment) -> Response | None:
        if path in (_NODES, f"{_NODES}/all", f"{_NODES}/summary") and request.method == "GET":
            nodes: list[Value] = [_described(moment, row) for row in moment.rows()]
            summary = path.endswith("summary")
            return json_response({"Nodes": nodes} if summary else {"Items": nodes, "TotalResults": len(nodes)})
        one = _ONE.fullmatch(request.path.rstrip("/"))
        if one is None:
            return None
        if request.method == "PUT":
            return _put(moment, one["id"], request.body)
        if request.method == "DELETE":
            return json_response({}) if moment.delete(one["id"]) else not_found(one["id"])
        row = next((row for row in moment.rows() if row.id == one["id"]), None)
        return json_response(_described(moment, row)) if row else not_found(one["id"])


def _caller(request: Request, moment: Moment) -> people.Caller | None:
    key = request.headers.get("x-octopus-apikey", "")
    if key:
        return people.caller_of_key(moment, key)
    try:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(people.SESSION_COOKIE)
    except CookieError:
        return None
    return people.caller_of_session(moment, cookie.value) if cookie else None


def _put(moment: Moment, row_id: str, body: bytes) -> Response:
    given = fields(body, IsInMaintenanceMode=bool)
    if isinstance(given, Response):
        return given
    cap = given.get("MaxConcurrentTasks")
    if cap is not None and (isinstance(cap, bool) or not isinstance(cap, int) or cap < 0):
        return error(400, "MaxConcurrentTasks is a number from 0.")
    changed = moment.change(row_id, draining=given["IsInMaintenanceMode"] is True, cap=cap)
    return json_response(_described(moment, changed)) if changed else not_found(row_id)


def _tasks(request: Request, path: str, moment: Moment) -> Response | None:
    if path == "/api/tasks" and request.method == "GET":
        states = {word for word in request.query.get("states", "").split(",") if word}
        node = request.query.get("node", "")
        found = [
            task for task in moment.tasks() if (not states or task.state in states) and node in ("", _id(task.node))
        ]
        items: list[Value] = [_task(task) for task in reversed(found)]
        return json_response({"Items": items, "TotalResults": len(items)})
    if path == "/api/tasks" and request.method == "POST":
        given = fields(request.body, Name=str)
        if isinstance(given, Response):
            return given
        arguments = given.get("Arguments")
        seconds = arguments.get("SandboxSeconds") if isinstance(arguments, dict) else None
        lasts = float(seconds) if isinstance(seconds, int | float) else _TASK_S
        return json_response(_task(moment.add_task(str(given["Name"]), lasts)), status=201)
    cancel = _CANCEL.fullmatch(request.path)
    if cancel is None or request.method != "POST":
        return None
    task = moment.cancel(cancel["id"])
    return json_response(_task(task)) if task else not_found(cancel["id"])


def _task(task: TaskRow) -> Struct:
    return {"Id": task.id, "Name": task.name, "State": task.state, "ServerNode": _id(task.node) if task.node else None}


def _id(node: str) -> str:
    return f"OctopusServerNodes-{node}"


def _described(moment: Moment, row: NodeRow) -> Struct:
    up = row.name in {node.name for node in moment.up}
    return {
        "Id": row.id,
        "Name": row.name,
        "IsInMaintenanceMode": row.draining,
        "IsOffline": not up,
        "MaxConcurrentTasks": row.cap,
        "RunningTaskCount": moment.running(row.name),
        "LastSeen": _instant(seen_s) if (seen_s := moment.seen_s(row)) >= 0 else None,
        "Links": {"Self": f"{_NODES}/{row.id}"},
    }


def _instant(seconds: float) -> str:
    """Return simulated seconds as a time of day of the sandbox's first year, 2026."""
    epoch = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return (epoch + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds")

"""Azure Resource Manager, as far as provider `cellctl` asks it itself: managed Run Commands, keys of accounts."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence

from cellctl.dialer import Route
from cellctl.state.values import Struct, Value
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.run_command.runs import SHELL_CALL, Run, Runs
from cellctl_sandbox.standins.web import Answer, Listener, Request, Response, json_response, undisturbed

HOST = "management.azure.com"
PORT = 443
_PATH = re.compile(
    r"(?P<machine>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/virtualMachines/[^/]+)"
    r"/runCommands/(?P<name>[A-Za-z0-9-]{1,80})",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"(?P<account>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Storage/storageAccounts/[^/]+)/listKeys",
    re.IGNORECASE,
)


def _no_keys(account: str) -> tuple[str, str] | None:
    del account
    return None


class ResourceManagerStandin:
    """Serves `management.azure.com:443`. `authorized` judges a bearer token; `disturb` lets fault rules strike.

    `keys` gives both keys of a storage account by its id, None where there is no such account.
    """

    def __init__(
        self,
        runs: Runs,
        authority: Authority,
        *,
        authorized: Callable[[str], bool],
        keys: Callable[[str], tuple[str, str] | None] = _no_keys,
        disturb: Callable[[Answer], Answer] = undisturbed,
    ) -> None:
        self._runs = runs
        self._authority = authority
        self._authorized = authorized
        self._keys = keys
        self._disturb = disturb
        self._lock = threading.Lock()
        self._listener: Listener | None = None

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to the service."""
        if (name.lower(), port) != (HOST, PORT):
            return None
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self._disturb(self._answer), tls=self._authority.server_context(HOST))
            here = self._listener.port
        return Route(
            host="127.0.0.1", port=here, url=f"https://127.0.0.1:{here}", trust_anchor=self._authority.trust_anchor
        )

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return nothing: people have no use for it."""
        return []

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
                self._listener = None

    def _answer(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self._authorized(token):
            return _error(401, "AuthenticationFailed", "Authentication failed.")
        if not request.query.get("api-version"):
            return _error(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        account = _KEYS.fullmatch(request.path)
        if account is not None and request.method == "POST":
            return self._listed(account["account"])
        path = _PATH.fullmatch(request.path)
        if path is None or request.method not in ("GET", "PUT"):
            return _error(404, "NotFound", "the sandbox serves managed Run Commands and keys only")
        machine, name = path["machine"].lower(), path["name"].lower()
        known = self._runs.find(name, machine)
        if request.method == "GET":
            return self._described(known) if known else _error(404, "ResourceNotFound", "The resource was not found.")
        if not self._runs.knows(machine):
            return _error(404, "ParentResourceNotFound", "There is no such machine.")
        if known is not None and self._runs.now < known.done_s:
            return _error(409, "Conflict", "Run command extension execution is in progress.")
        return self._begin(machine, name, request.body)

    def _listed(self, account: str) -> Response:
        found = self._keys(account)
        if found is None:
            return _error(404, "ResourceNotFound", "The Resource was not found.")
        named = zip(("key1", "key2"), found, strict=True)
        keys: list[Value] = [{"keyName": name, "value": value, "permissions": "FULL"} for name, value in named]
        return json_response({"keys": keys})

    def _begin(self, machine: str, name: str, body: bytes) -> Response:
        try:
            properties = json.loads(body)["properties"]
            script, parameters = properties["source"]["script"], _pairs(properties["parameters"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return _error(400, "InvalidRequestContent", "The request content was invalid.")
        shell = SHELL_CALL.fullmatch(str(script))
        if shell:
            script, action, version = shell.group("script", "action", "version")
            run = self._runs.begin(name, machine, script=script, action=action, version=version, system="linux")
            return self._described(run)
        action, version = parameters.get("action", ""), parameters.get("version", "")
        run = self._runs.begin(name, machine, script=str(script), action=action, version=version, more=parameters)
        return self._described(run)

    def _described(self, run: Run) -> Response:
        done = self._runs.now >= run.done_s
        state = ("Failed" if run.failed else "Succeeded") if done else "Running"
        view: Struct = {
            "executionState": state,
            "exitCode": (1 if run.failed else 0) if done else 0,
            "output": "OK" if done and not run.failed else "",
            "error": run.failed if done else "",
        }
        properties: Struct = {"provisioningState": state if done else "Updating", "instanceView": view}
        return json_response({"name": run.id, "properties": properties}, status=200 if done else 201)


def _pairs(parameters: Value) -> dict[str, str]:
    listed = parameters if isinstance(parameters, list) else []
    return {str(item["name"]): str(item["value"]) for item in listed if isinstance(item, dict)}


def _error(status: int, code: str, message: str) -> Response:
    return json_response({"error": {"code": code, "message": message}}, status=status)

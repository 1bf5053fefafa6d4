"""Azure Key Vault's secrets data plane, for vaults that exist as objects of the simulated cloud."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Sequence

from cellctl.dialer import Route
from cellctl.state.values import Struct, bare, secret
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents, Transaction
from cellctl_sandbox.standins.web import Answer, Listener, Request, Response, json_response, undisturbed

VAULT = "azure-native:keyvault:Vault"
SECRET = "azure-native:keyvault:Secret"  # noqa: S105  a type token
PORT = 443
_SUFFIX = ".vault.azure.net"
_PATH = re.compile(r"/secrets/(?P<name>[0-9a-zA-Z-]{1,127})(/(?P<version>[0-9a-f]{32}))?/?")


class KeyVaultStandin:
    """Serves `NAME.vault.azure.net:443` for every vault.

    `refusal` judges a bearer token for a vault and an action (`readSecret`, `writeSecret`): why it may not, `` if it
    may, None if it is no token at all. `disturb` lets fault rules strike.
    """

    def __init__(
        self,
        documents: Documents,
        view: CloudView,
        authority: Authority,
        *,
        refusal: Callable[[str, CloudObject, str], str | None],
        disturb: Callable[[Answer], Answer] = undisturbed,
    ) -> None:
        self._documents = documents
        self._view = view
        self._authority = authority
        self._refusal = refusal
        self._disturb = disturb
        self._lock = threading.Lock()
        self._listener: Listener | None = None

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to a vault that exists."""
        if port != PORT or name.lower() not in self._hosts():
            return None
        with self._lock:
            if self._listener is None:
                context = self._authority.context_by_server_name(f"any{_SUFFIX}")
                self._listener = Listener(self._disturb(self._answer), tls=context)
            here = self._listener.port
        return Route(
            host="127.0.0.1", port=here, url=f"https://127.0.0.1:{here}", trust_anchor=self._authority.trust_anchor
        )

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return the vaults."""
        return [(host, PORT, "Key Vault") for host in self._hosts()]

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
                self._listener = None

    def _hosts(self) -> list[str]:
        return list(self._vaults())

    def _vaults(self) -> dict[str, CloudObject]:
        return {f"{item.id.rpartition('/')[2]}{_SUFFIX}".lower(): item for item in self._view.objects(VAULT)}

    def _answer(self, request: Request) -> Response:
        host = request.headers.get("host", "").partition(":")[0].lower()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        vault = self._vaults().get(host)
        if vault is None:
            return _error(404, "VaultNotFound", "there is no such vault")
        action = "readSecret" if request.method == "GET" else "writeSecret"
        why = self._refusal(token, vault, action) if scheme == "Bearer" else None
        if why is None:
            return _error(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
        if why:
            return _error(403, "Forbidden", f"Caller is not authorized to perform action on resource: {why}")
        if not request.query.get("api-version"):
            return _error(400, "BadParameter", "api-version must be specified")
        path = _PATH.fullmatch(request.path)
        if path is None:
            return _error(404, "NotFound", "the sandbox serves secrets only")
        if request.method == "GET":
            return self._get(host, path["name"], path["version"] or "")
        if request.method == "PUT" and not path["version"]:
            return self._put(host, path["name"], request.body)
        return _error(405, "MethodNotAllowed", f"the sandbox does not serve {request.method}")

    def _get(self, host: str, name: str, version: str) -> Response:
        with self._documents.transaction() as transaction:
            versions = self._versions(transaction, host, name)
        found = [item for item in versions if item["version"] == version] if version else versions[-1:]
        if not found:
            message = f"A secret with (name/id) {name} was not found in this key vault."
            return _error(404, "SecretNotFound", message)
        return _bundle(host, name, found[0])

    def _put(self, host: str, name: str, body: bytes) -> Response:
        try:
            value = json.loads(body)["value"]
        except (ValueError, KeyError, TypeError):
            value = None
        if not isinstance(value, str):
            return _error(400, "BadParameter", "The request body has no value.")
        now = int(self._view.now())
        with self._documents.transaction() as transaction:
            versions = self._versions(transaction, host, name)
            version = hashlib.sha256(f"{host}/{name}/{now}/{len(versions)}".encode()).hexdigest()[:32]
            added: Struct = {"version": version, "value": secret(value), "created_s": now}
            versions = [item for item in versions if item not in self._declared(host, name)]
            transaction.put("vault", f"{host}/{name.lower()}", {"versions": [*versions, added]})
        return _bundle(host, name, added)

    def _versions(self, transaction: Transaction, host: str, name: str) -> list[Struct]:
        document = transaction.get("vault", f"{host}/{name.lower()}") or {}
        versions = document.get("versions")
        written = [item for item in versions if isinstance(item, dict)] if isinstance(versions, list) else []
        return [*self._declared(host, name), *written]

    def _declared(self, host: str, name: str) -> list[Struct]:
        """Return the version that a program made through Azure Resource Manager, if one did."""
        end = f"/vaults/{host.removesuffix(_SUFFIX)}/secrets/{name}".lower()
        for item in self._view.objects(SECRET):
            properties = bare(item.properties.get("properties"))
            if item.id.lower().endswith(end) and isinstance(properties, dict):
                version = hashlib.md5(item.id.encode(), usedforsecurity=False).hexdigest()
                value = secret(properties.get("value"))
                return [{"version": version, "value": value, "created_s": int(item.born_s)}]
        return []


def _bundle(host: str, name: str, item: Struct) -> Response:
    attributes: Struct = {"enabled": True, "created": item["created_s"], "recoveryLevel": "Recoverable+Purgeable"}
    return json_response(
        {
            "value": bare(item["value"]),
            "id": f"https://{host}/secrets/{name}/{item['version']}",
            "attributes": attributes,
        }
    )


def _error(status: int, code: str, message: str) -> Response:
    return json_response({"error": {"code": code, "message": message}}, status=status)

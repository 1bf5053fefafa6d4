"""Serves each node's ports: the API on the web port, the probe alone where a node answers nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from cellctl.dialer import Route
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.octopus.api import NodeApi
from cellctl_sandbox.standins.octopus.nodes import NodeCatalogue, NodeFacts, NodePort, NodeRows
from cellctl_sandbox.standins.web import Answer, Listener, undisturbed


class OctopusStandin:
    """Octopus Server on every node that is up. `cell` narrows addresses to one cell, `` for any."""

    def __init__(
        self,
        documents: Documents,
        catalogue: NodeCatalogue,
        authority: Authority,
        *,
        cell: str = "",
        disturb: Callable[[Answer], Answer] = undisturbed,
    ) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._cell = cell
        self._disturb = disturb
        self._rows = NodeRows(documents, catalogue)
        self._lock = threading.Lock()
        self._listeners: dict[tuple[str, str, int], Listener] = {}

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to a node by its address and port; None while its server does not run."""
        found = next(((node, at) for node, at in self._listening() if node.address == name and at.port == port), None)
        if found is None:
            return None
        node, at = found
        here = self._listener(node, at).port
        scheme = "https" if at.tls else "http"
        anchor = self._authority.trust_anchor if at.tls else ""
        return Route(host="127.0.0.1", port=here, url=f"{scheme}://127.0.0.1:{here}", trust_anchor=anchor)

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return the addresses and ports of nodes that are up."""
        return [(node.address, at.port, f"Octopus Server on node {node.name}") for node, at in self._listening()]

    def close(self) -> None:
        """Stop all listeners."""
        with self._lock:
            for listener in self._listeners.values():
                listener.close()
            self._listeners.clear()

    def _listening(self) -> list[tuple[NodeFacts, NodePort]]:
        """Return what listens now: the process runs although its database may be gone (it answers 503 then)."""
        now = self._catalogue.now()
        nodes = [node for node in self._catalogue.nodes() if self._cell in ("", node.cell) and now >= node.up_from_s]
        return [(node, at) for node in nodes for at in node.ports]

    def _listener(self, node: NodeFacts, at: NodePort) -> Listener:
        key = (node.cell, node.name, at.port)
        with self._lock:
            if key not in self._listeners:
                api = NodeApi(self._catalogue, self._rows, cell=node.cell, node=node.name, probe_only=at.probe_only)
                names = (*node.tls_names, node.address)
                tls = self._authority.server_context(*names) if at.tls else None
                self._listeners[key] = Listener(self._disturb(api.answer), tls=tls)
            return self._listeners[key]

"""Serves each node's ports: the API on the web port, the probe alone where a node answers nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from cellctl.dialer import Route
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.octopus.api import NodeApi
from cellctl_sandbox.standins.octopus.cluster import Cluster
from cellctl_sandbox.standins.octopus.nodes import NodeCatalogue, NodeFacts, NodePort
from cellctl_sandbox.standins.web import Answer, Listener, undisturbed


def _no_secret(reference: str) -> str:
    raise LookupError(f"nobody to ask for {reference}")


class OctopusStandin:
    """Octopus Server on every node that is up. `cell` narrows addresses to one cell, `` for any.

    `read_secret` gives the value of a secret by its reference: the first administrator's password. `disturb` lets fault
    rules strike.
    """

    def __init__(
        self,
        documents: Documents,
        catalogue: NodeCatalogue,
        authority: Authority,
        *,
        cell: str = "",
        read_secret: Callable[[str], str] = _no_secret,
        disturb: Callable[[Answer], Answer] = undisturbed,
    ) -> None:
        self.cluster = Cluster(documents, catalogue)
        self._authority = authority
        self._cell = cell
        self._read_secret = read_secret
        self._disturb = disturb
        self._lock = threading.Lock()
        self._listeners: dict[tuple[str, str, int], Listener] = {}

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to a node by its address and port; None while its server does not run."""
        found = next(((node, at) for node, at in self._placed(name) if at.port == port), None)
        if found is None or not self._runs(found[0]):
            return None
        node, at = found
        here = self._listener(node, at).port
        scheme = "https" if at.tls else "http"
        anchor = self._authority.trust_anchor if at.tls else ""
        return Route(host="127.0.0.1", port=here, url=f"{scheme}://127.0.0.1:{here}", trust_anchor=anchor)

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return the addresses and ports of nodes that are up."""
        return [
            (node.address, at.port, f"Octopus Server on node {node.name}")
            for node, at in self._placed()
            if self._runs(node)
        ]

    def close(self) -> None:
        """Stop all listeners."""
        with self._lock:
            for listener in self._listeners.values():
                listener.close()
            self._listeners.clear()

    def _placed(self, address: str = "") -> list[tuple[NodeFacts, NodePort]]:
        catalogue = self.cluster.catalogue
        now = catalogue.now()
        nodes = [node for node in catalogue.nodes(self._cell) if now >= node.up_from_s]
        return [(node, at) for node in nodes if address in ("", node.address) for at in node.ports]

    def _runs(self, node: NodeFacts) -> bool:
        """Tell whether the process listens, also where its database may be gone (it answers 503 then)."""
        with self.cluster.moment(node.cell) as moment:
            return not node.works or node.name in {one.name for one in moment.up}

    def _listener(self, node: NodeFacts, at: NodePort) -> Listener:
        key = (node.cell, node.name, at.port)
        with self._lock:
            if key not in self._listeners:
                api = NodeApi(
                    self.cluster,
                    cell=node.cell,
                    node=node.name,
                    port=at,
                    read_secret=self._read_secret,
                )
                names = (*node.tls_names, node.address)
                tls = self._authority.server_context(*names) if at.tls else None
                self._listeners[key] = Listener(self._disturb(api.answer), tls=tls)
            return self._listeners[key]

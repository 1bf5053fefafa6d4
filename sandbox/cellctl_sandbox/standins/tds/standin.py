"""The SQL stand-in: routes a server's name to a listener that is started when it is first dialled."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.dialer import Route
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.tds.faults import FaultRule, NoFaults
from cellctl_sandbox.standins.tds.servers import ServerCatalogue, SqlServerFacts
from cellctl_sandbox.standins.tds.store import Store
from cellctl_sandbox.standins.tds.tokens_entra import TokenIssuer

if TYPE_CHECKING:
    from cellctl_sandbox.standins.tds.server import TdsServer


class TdsStandin:
    """Serves every SQL server of the catalogue; data in the SQLite file `database` (tables `sql_*`)."""

    def __init__(
        self,
        database: Path,
        *,
        catalogue: ServerCatalogue,
        authority: Authority,
        issuer: TokenIssuer | None = None,
        faults: FaultRule | None = None,
    ) -> None:
        self._path, self._catalogue, self._authority = database, catalogue, authority
        self._issuer, self._faults = issuer, faults or NoFaults()
        self._lock = threading.Lock()
        self._servers: dict[str, TdsServer] = {}
        self._store: Store | None = None

    def route(self, name: str, port: int) -> Route | None:
        """Return where `name`:`port` is served; None if there is no such server, or it does not accept yet."""
        facts = self._catalogue.find(name) or self._behind(name)
        if facts is None or not facts.accepting:
            return None
        is_worker = facts.worker.casefold() == name.casefold()
        if port != (facts.worker_port if is_worker else facts.port):
            return None
        with self._lock:
            if self._store is None:
                self._store = Store(self._path)
            server = self._servers.get(name.casefold())
            if server is None:
                server = self._start(facts.host, name, self._store, is_worker=is_worker)
                self._servers[name.casefold()] = server
        return Route(host="127.0.0.1", port=server.port, trust_anchor=self._authority.trust_anchor)

    def _behind(self, name: str) -> SqlServerFacts | None:
        """Return the server that sends its clients on to `name`."""
        return next((one for one in self._catalogue.servers() if one.worker.casefold() == name.casefold()), None)

    def _start(self, host: str, name: str, store: Store, *, is_worker: bool) -> TdsServer:
        from cellctl_sandbox.standins.tds.server import TdsServer  # loads sqlglot, 0.35 s: only when dialled

        context = self._authority.server_context(name)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # TDS 7.4 has no TLS 1.3: its handshake is in packets
        return TdsServer(
            host,
            find=self._catalogue.find,
            store=store,
            context=context,
            issuer=self._issuer,
            faults=self._faults,
            is_worker=is_worker,
        )

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return every server that could be dialled now."""
        what = {"rds": "SQL Server (RDS), TDS 7.4", "azure": "Azure SQL, TDS 7.4"}
        return [(one.host, one.port, what[one.kind]) for one in self._catalogue.servers() if one.accepting]

    def close(self) -> None:
        """Stop all listeners."""
        with self._lock:
            servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            server.close()

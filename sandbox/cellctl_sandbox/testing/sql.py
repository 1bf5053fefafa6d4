"""SQL servers of the sandbox without a simulated cloud: what tests of data-plane code connect to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.dialer import SandboxDialer
from cellctl_sandbox.standins.tds.faults import FaultRule
from cellctl_sandbox.standins.tds.servers import SqlServerFacts
from cellctl_sandbox.standins.tds.standin import TdsStandin
from cellctl_sandbox.standins.tds.tokens_entra import TokenIssuer


class ListedServers:
    """A catalogue of servers that a test changes as it likes."""

    def __init__(self, *facts: SqlServerFacts) -> None:
        self._facts = {one.host.casefold(): one for one in facts}

    def put(self, facts: SqlServerFacts) -> None:
        """Add a server, or replace the one of that name."""
        self._facts[facts.host.casefold()] = facts

    def remove(self, host: str) -> None:
        """Delete a server."""
        del self._facts[host.casefold()]

    def find(self, host: str) -> SqlServerFacts | None:
        """Return the server of that name."""
        return self._facts.get(host.casefold())

    def servers(self) -> Sequence[SqlServerFacts]:
        """Return all servers."""
        return tuple(self._facts.values())


class SqlSandbox:
    """Running stand-ins for the servers of a catalogue, their authority, token issuer and dialer. Close it."""

    def __init__(
        self,
        home: Path,
        catalogue: ListedServers,
        *,
        authority: Authority | None = None,
        faults: FaultRule | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.authority = authority or Authority()
        self.issuer = TokenIssuer()
        self.standin = TdsStandin(
            home / "sandbox.db", catalogue=catalogue, authority=self.authority, issuer=self.issuer, faults=faults
        )
        self.dialer = SandboxDialer([self.standin])

    def close(self) -> None:
        """Stop all listeners."""
        self.dialer.close()

"""Reachability in a cell on AWS."""

from __future__ import annotations

from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network import aws_groups, aws_names, aws_routes
from cellctl_sandbox.network.addresses import is_private
from cellctl_sandbox.network.verdict import OPEN, Names, Place, Verdict, lost, reached


class AwsNetwork:
    """Says who reaches whom among one cell's objects.

    Outside of the cell's own network lie the internet and private networks that the account attaches to it: the
    control network among them, whose routes are the account's and not the cell's.
    """

    def __init__(self, estate: Estate) -> None:
        self.estate = estate

    def names(self, name: str, source: Place) -> Names:
        """Return what a name leads to for `source`; outsiders ask the resolver of the cell's network."""
        if name.startswith("service:"):
            _, service, region = (*name.split(":"), "", "")[:3]
            return aws_names.service(self.estate, service, region, source.network)
        return aws_names.resolve(self.estate.seen_by("service:dns"), name, source.network or self._network())

    def reach(self, source: Place, name: str, port: int, protocol: str = "tcp") -> Verdict:
        """Return whether `source` reaches a name or address: every place that may answer must be reached."""
        if not source.network and name.startswith("service:"):
            return OPEN  # the public endpoint, from outside
        return reached(self.names(name, source), lambda place: self.path(source, place, port, protocol))

    def path(self, source: Place, target: Place, port: int, protocol: str = "tcp") -> Verdict:
        """Return whether packets of `source` arrive at `target`."""
        if source.network:
            verdict = aws_groups.leaves(self.estate, source, target, port, protocol)
            if not verdict.open:
                return verdict
            if target.network != source.network:
                return aws_routes.way_out(self.estate, source, target)
        elif target.network and not is_private(source.address):
            verdict = aws_routes.entered(self.estate, target.subnet)
            if not verdict.open:
                return verdict
        if target.network:
            return aws_groups.enters(self.estate, target, source, port, protocol)
        return OPEN if not is_private(target.address) else lost(f"nothing has the address {target.address}")

    def _network(self) -> str:
        networks = self.estate.all(aws_routes.VPC)
        return networks[0].id if networks else ""

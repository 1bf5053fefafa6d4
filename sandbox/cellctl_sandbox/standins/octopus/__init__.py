"""Octopus Server's node API in the sandbox: ping, nodes, drain, version, status."""

from cellctl_sandbox.standins.octopus.nodes import NodeCatalogue, NodeFacts, NodePort
from cellctl_sandbox.standins.octopus.standin import OctopusStandin

__all__ = ["NodeCatalogue", "NodeFacts", "NodePort", "OctopusStandin"]

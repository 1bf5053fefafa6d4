"""Octopus Server in the sandbox: ping, nodes, drain, tasks, version, users, API keys, licence."""

from cellctl_sandbox.standins.octopus.cluster import Cluster
from cellctl_sandbox.standins.octopus.nodes import FirstAdministrator, NodeCatalogue, NodeFacts, NodePort
from cellctl_sandbox.standins.octopus.standin import OctopusStandin

__all__ = ["Cluster", "FirstAdministrator", "NodeCatalogue", "NodeFacts", "NodePort", "OctopusStandin"]

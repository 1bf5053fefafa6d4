"""The simulated network: a stand-in is reached only where the account's own objects let a connection through."""

from cellctl_sandbox.network.reachability import CONTROL, Reachability
from cellctl_sandbox.network.verdict import NameNotFound, Place, Verdict

__all__ = ["CONTROL", "NameNotFound", "Place", "Reachability", "Verdict"]

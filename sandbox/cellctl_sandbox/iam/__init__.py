"""Who may do what in the simulated accounts: AWS policies and trust, Azure role assignments, and what services do."""

from cellctl_sandbox.iam.conditions import PolicyError
from cellctl_sandbox.iam.evaluation import Decision, Request, decide
from cellctl_sandbox.iam.policy import parse

__all__ = ["Decision", "PolicyError", "Request", "decide", "parse"]

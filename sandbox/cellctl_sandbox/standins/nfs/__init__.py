"""A stand-in for the NFS side of file gateways: version 3 over TCP, with its mount service (RFC 1813)."""

from cellctl_sandbox.standins.nfs.disturbed import Disturb, undisturbed
from cellctl_sandbox.standins.nfs.standin import NfsStandin

__all__ = ["Disturb", "NfsStandin", "undisturbed"]

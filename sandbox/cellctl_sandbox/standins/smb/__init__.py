"""The gateways' ports for SMB in a domain: users sign in (NTLMv2), each share admits the users that it names."""

from cellctl_sandbox.standins.smb.directory import Directory
from cellctl_sandbox.standins.smb.standin import SmbStandin

__all__ = ["Directory", "SmbStandin"]

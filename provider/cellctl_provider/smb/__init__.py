"""A client of file shares over SMB, as a node uses them: to try a share before any cell gets it."""

from cellctl_provider.smb.client import Account, SmbError, mounted

__all__ = ["Account", "SmbError", "mounted"]

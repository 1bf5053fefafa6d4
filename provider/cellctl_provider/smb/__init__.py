"""A client of file shares over SMB, as a node uses them: to try a share before a cell's files are on it."""

from cellctl_provider.smb.client import Account, Session, Share, SmbError, account_of, mounted, signed_in

__all__ = ["Account", "Session", "Share", "SmbError", "account_of", "mounted", "signed_in"]

"""Azure Files: the shares of storage accounts over SMB 3.1.1, and the keys that open them."""

from cellctl_sandbox.standins.azure_files.accounts import Accounts
from cellctl_sandbox.standins.azure_files.standin import AzureFilesStandin

__all__ = ["Accounts", "AzureFilesStandin"]

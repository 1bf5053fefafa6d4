"""Secret stores of the sandbox: AWS Secrets Manager (boto3) and the data plane of Azure Key Vault (httpx)."""

from cellctl_sandbox.standins.secret_stores.key_vault import KeyVaultStandin
from cellctl_sandbox.standins.secret_stores.secrets_manager import secrets_manager_service

__all__ = ["KeyVaultStandin", "secrets_manager_service"]

"""Whether a secret has a value: a version that a program made, or one that was written to its store."""

from __future__ import annotations

import sqlite3

from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.iam.services import secret_of
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.smb.directory import Directory

VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
VAULT_SECRET = "azure-native:keyvault:Secret"  # noqa: S105  a type token


class KeptSecrets:
    """What the secret stores hold at one moment; `written` are ARNs, or host and name of a vault's secret.

    `directory` are the users of a domain whom secrets name.
    """

    def __init__(self, written: frozenset[str], directory: Directory) -> None:
        self.written, self.directory = written, directory

    @classmethod
    def of(cls, database: Database) -> KeptSecrets:
        """Return what is in the stores now."""
        try:
            rows = database.rows("SELECT key FROM secret_documents")
        except sqlite3.OperationalError:  # nothing was ever written
            rows = []
        documents = Documents(database.path, "secret_documents", seal=database.sealer)
        return cls(frozenset(str(key).lower() for (key,) in rows), Directory.of(documents))

    def missing(self, estate: Estate, reference: str) -> str:
        """Return why a secret of Secrets Manager cannot be read, `` if it has a value."""
        item = secret_of(estate, reference)
        arn = item.text("arn") if item else reference
        names = {arn, reference, *((item.id, item.text("name")) if item else ())}
        known = arn.lower() in self.written or any(one[:-7] == reference.lower() for one in self.written)
        if known or any(one.text("secretId") in names for one in estate.all(VERSION)):
            return ""
        return f"secret {arn} has no value"

    def missing_in(self, estate: Estate, vault: str, name: str) -> str:
        """Return why a secret of a vault (its host name) cannot be read, `` if it has a value."""
        end = f"/vaults/{vault.partition('.')[0]}/secrets/{name}".lower()
        if f"{vault}/{name}".lower() in self.written:
            return ""
        declared = any(one.id.lower().endswith(end) for one in estate.all(VAULT_SECRET))
        return "" if declared else f"vault {vault} has no secret {name}"

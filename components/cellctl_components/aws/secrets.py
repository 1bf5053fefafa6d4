"""Secrets: the cell's key and its secrets. No value but one passes here; states and outputs hold references only."""

from __future__ import annotations

import secrets as entropy
from dataclasses import dataclass

import pulumi
from pulumi_aws import secretsmanager

from cellctl_components import resources as cellctl
from cellctl_components.aws.layout import SecretsLayout
from cellctl_components.aws.options import stateful
from cellctl_components.aws.sealing_key import sealing_key

_PASSWORD_BYTES = 24  # 192 bits, 32 characters


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """What the secrets are made of. `account` is the account's id. `guest`: SMB of a gateway of its own has a guest.

    `key_arn` is a key that is there, empty where the cell is to have one of its own.
    """

    layout: SecretsLayout
    region: str
    account: str
    guest: bool
    protected: bool = True
    key_arn: str = ""


class Secrets(pulumi.ComponentResource):
    """A KMS key unless one is there, and the cell's secrets.

    These are master key, database login, first administrator, API key, SMB guest.

    The master key is generated here, before anything that it protects exists. `cellctl:sql:CellDatabase` fills the
    login's secret, `cellctl:octopus:Administrator` the API key's and `cellctl:aws:FileGateway` the guest's. The
    administrator's first password is the only value that passes through the program: it is made once, sealed in the
    state, and changed by its owner.
    """

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Secrets", name, None, opts)
        self._name, self._args = name, args
        alias = args.layout.key_alias
        what = f"Data of {alias.removeprefix('alias/')}"
        self.key_arn: pulumi.Input[str] = (
            args.key_arn or sealing_key(name, alias, what, args.account, args.region, self).arn
        )
        self.master_key_secret = self._secret("master-key", args.layout.master_key, "Master key of Octopus Server")
        self.login_secret = self._secret("database-login", args.layout.database_login, "Login of the cell's database")
        self.administrator_secret = self._secret(
            "administrator", args.layout.administrator, "First administrator of Octopus Server"
        )
        self.api_key_secret = self._secret("api-key", args.layout.api_key, "API key with which cellctl asks Octopus")
        self.guest_secret = (
            self._secret("guest", args.layout.guest, "SMB guest of the storage gateway") if args.guest else None
        )
        self.administrator_password = self._administrator_password()
        self.master_key = self._master_key()
        self.register_outputs({"keyArn": self.key_arn, "masterKey": self.master_key.reference})

    def _secret(self, label: str, secret_name: str, what: str) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            f"{self._name}-{label}",
            name=secret_name,
            description=what,
            kms_key_id=self.key_arn,
            recovery_window_in_days=self._args.layout.recovery_days,
            opts=stateful(self),
        )

    def _administrator_password(self) -> secretsmanager.SecretVersion:
        return secretsmanager.SecretVersion(
            f"{self._name}-administrator",
            secret_id=self.administrator_secret.id,
            secret_string=pulumi.Output.secret(entropy.token_urlsafe(_PASSWORD_BYTES)),
            # Made once: what a later run generates is not looked at, and its owner may change it.
            opts=stateful(self, ignore=["secretString", "versionStages"]),
        )

    def _master_key(self) -> cellctl.MasterKey:
        return cellctl.MasterKey(
            f"{self._name}-master-key",
            region=self._args.region,
            secret_id=self.master_key_secret.arn,
            opts=stateful(self),
        )

"""Which home and which account a command is about."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellctl.cli.place import Place, open_home, refuse_if_real_is_required

if TYPE_CHECKING:
    from cellctl.account import Account

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="An account in cellctl.yaml, or sandbox.")]


@dataclass(frozen=True, kw_only=True)
class AccountPlace(Place):
    """One account in one home; its `name` is `account/NAME`, as it is in views. `said`: the cloud as it was named."""

    account_handle: Account
    said: str

    def command(self, verb: str, *more: str) -> str:
        """Return `cellctl account VERB ACCOUNT` as it can be typed again here."""
        cloud = ("--cloud", self.said) if self.said else ()
        return shlex.join(["cellctl", "account", verb, self.word, *cloud, *more]) + self.home_words


def locate_account(account: str, *, home: Path | None, cloud: str | None, region: str = "") -> AccountPlace:
    """Return the account that is meant.

    Raises:
        UsageError: There is no such account, or it is on another cloud.
        GuardError: CELLCTL_REQUIRE_REAL is set and it is the sandbox.
    """
    from cellctl.account import Account

    refuse_if_real_is_required(account)
    found = open_home(home)
    return AccountPlace(
        home=found,
        name=f"account/{account}",
        cloud=cloud or found.account(account).cloud,
        account=account,
        spec=None,
        file=None,
        home_option=home,
        word=account,
        account_handle=Account(account, home=found, cloud=cloud or "", region=region),
        said=cloud or "",
    )

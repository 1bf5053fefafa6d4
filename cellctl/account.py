"""An account as a handle that blocks: `cellctl.async_account.AsyncAccount`, performed on the thread that calls.

    from cellctl.account import Account

    account = Account("prod", home=Home.find())
    outcome = account.up(ask=lambda plan, objections: not objections)

Nothing here prints, prompts or reads the environment, as in `cellctl.cell`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellctl.async_account import AsyncAccount
from cellctl.removal import Removable
from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions, ignore_event

if TYPE_CHECKING:
    from cellctl.approval import Approval
    from cellctl.home import Home
    from cellctl.plan import Outcome, Plan
    from cellctl.run.accounts import Placement, QuotaFit


class Account(Removable):
    """One account that `cellctl.yaml` names, or `sandbox`. `cloud` is needed for the sandbox, which has both."""

    def __init__(self, name: str, *, home: Home, cloud: str = "", region: str = "") -> None:
        self._account = self._removal = AsyncAccount(name, home=home, cloud=cloud, region=region)
        self.name, self.home, self.cloud, self.region = name, home, cloud, region

    def preview(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Plan:
        """Return what `up` would do; changes nothing. As `AsyncAccount.preview`."""
        return self._account.preview(
            options=options,
            on_event=on_event,
            interrupter=interrupter,
        ).here()

    def up(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: Ask | None = None,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Bring up what the account needs before any other stack. As `AsyncAccount.up`."""
        return self._account.up(
            plan,
            ask=ask,
            options=options,
            on_event=on_event,
            interrupter=interrupter,
        ).here()

    def quotas(
        self, cells: int, placement: Placement = "reef", *, options: RunOptions | None = None
    ) -> Sequence[QuotaFit]:
        """Return what so many more cells need of its quotas. As `AsyncAccount.quotas`."""
        return self._account.quotas(
            cells,
            placement,
            options=options,
        ).here()

"""An account of a home as a handle whose methods are awaited: its base before any other stack, and its quotas.

    from cellctl.async_account import AsyncAccount

    account = AsyncAccount("prod", home=Home.find())
    outcome = await account.up(ask=ask)
    fits = await account.quotas(300)

Each method returns a `Running`, as those of `AsyncCell` do; `cellctl.account.Account` is the same for callers that
block. Its name in plans, leases and records is `account/NAME`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellctl.async_removal import AsyncRemovable
from cellctl.run.options import Interrupter, OnEvent, RunOptions, ignore_event
from cellctl.running import AnyAsk, Line, Running, approved

if TYPE_CHECKING:
    from cellctl.approval import Approval
    from cellctl.home import Home
    from cellctl.plan import Outcome, Plan
    from cellctl.run.accounts import Placement, QuotaFit


class AsyncAccount(AsyncRemovable):
    """One account that `cellctl.yaml` names, or `sandbox`. `cloud` is needed for the sandbox, which has both."""

    def __init__(self, name: str, *, home: Home, cloud: str = "", region: str = "") -> None:
        self.name = name
        self.home = home
        self.cloud = cloud
        self.region = region

    @property
    def title(self) -> str:
        """Its name in plans, leases and records."""
        return f"account/{self.name}"

    def preview(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Plan]:
        """Return what `up` would do; changes nothing. Errors as `up`."""

        def work(line: Line) -> Plan:
            from cellctl.run import accounts, preview

            spec = accounts.spec_of(self.home, self.name, cloud=self.cloud, region=self.region)
            return preview.preview(
                self.home, spec, options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("preview", self.title)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)

    def up(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: AnyAsk | None = None,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Outcome]:
        """Bring up what the account needs before any other stack: arguments and errors as `AsyncCell.up`.

        Raises:
            UsageError: `cellctl.yaml` does not name it, or it is on another cloud.
        """
        chosen = approved(plan, ask, options)

        def work(line: Line) -> Outcome:
            from cellctl.run import accounts

            return accounts.up(
                self.home, self.name, line.ask, cloud=self.cloud, region=self.region, options=line.options,
                on_event=line.on_event, interrupter=line.interrupter,
            )  # fmt: skip

        words = ("up", self.title)
        return Running(work, words=words, options=chosen, on_event=on_event, ask=ask, interrupter=interrupter)

    def quotas(
        self,
        cells: int,
        placement: Placement = "reef",
        *,
        options: RunOptions | None = None,
    ) -> Running[Sequence[QuotaFit]]:
        """Return what `cells` more cells need of the account's quotas, with what it was raised to and has in use.

        The `environment` of the options proves this machine's identity to Azure. Defaults, of no account:
        `cellctl.run.accounts.quotas`.

        Raises:
            UsageError: There is no such account, or cells there share no load balancers (code `no_level`).
        """

        def work(line: Line) -> Sequence[QuotaFit]:
            from cellctl.run import accounts

            cloud = accounts.cloud_of(self.home.account(self.name), self.cloud)
            return accounts.quotas(
                cloud, cells, placement, home=self.home, account=self.name, region=self.region,
                environment=line.options.environment,
            )  # fmt: skip

        return Running(work, words=("quotas", self.title), options=options)

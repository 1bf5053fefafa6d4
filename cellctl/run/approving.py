"""Whether a change was approved: by a saved plan, and by a signature where the account demands one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl import approval, manifest
from cellctl.errors import Objection, StaleApproval

if TYPE_CHECKING:
    from collections.abc import Collection

    from cellctl.plan import Plan
    from cellctl.run.session import Session


def check_signed(session: Session) -> None:
    """Return if the signed approval of this run is good, or there is none; asks no cloud.

    Raises:
        StaleApproval: It has ended, was used for this cell, or is about another one or another plan.
        GuardError: It was altered, or nobody signed it who may.
    """
    options = session.options
    if options.approval is None or options.manifest is None:
        return
    manifest.require(options.manifest, options.approval, signers=_signers(session), now=options.hooks.now())
    if session.target.home.approval_used(options.manifest.id, session.target.name):
        raise StaleApproval("the approval was used for this cell already", hint=manifest.AGAIN, code="approval_used")


def check_plan(session: Session, plan: Plan) -> None:
    """Return if `plan` is what was approved, or nothing was; raises StaleApproval."""
    options = session.options
    if options.approval is not None:
        approval.require(options.approval, plan, options.hooks.now())


def demanded(session: Session, plan: Plan) -> tuple[Objection, ...]:
    """Return the objection to a change in an account that demands a signed approval, where there is none."""
    target, options = session.target, session.options
    signed = options.approval is not None and options.manifest is not None
    if plan.empty or signed or not _signers(session):
        return ()
    again = approval.saving(plan)
    apply = again.replace(" preview ", " up ").replace("--save FILE", "--plan plan.json --approval approval.json")
    return (
        Objection(
            code="approval_required",
            reason=f"account {target.account.name} takes only what somebody approved by signature",
            remedy=f"{again.replace('FILE', 'plan.json')}, then cellctl approve plan.json --key KEY "
            f"--out approval.json, then {apply}",
        ),
    )


def use(session: Session) -> None:
    """Remember that the approval was used for this cell: it applies once."""
    if session.options.manifest is not None:
        session.target.home.use_approval(session.options.manifest.id, session.target.name, session.run)


def _signers(session: Session) -> Collection[str]:
    return session.target.account.signers or session.target.home.settings.signers

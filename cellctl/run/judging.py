"""What the guards are told of a run: assembled in one place, so that a preview and an `up` are judged alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl import guard
from cellctl.facts.conditions import at
from cellctl.run.target import running_case

if TYPE_CHECKING:
    from cellctl.guard import Need, Offer, Size, Usage
    from cellctl.plan import Declared, Plan
    from cellctl.run.session import Session
    from cellctl.state.values import Struct


def case_of(
    session: Session,
    *,
    plan: Plan | None = None,
    declared: Sequence[Declared] = (),
    told: Mapping[str, Struct] | None = None,
) -> guard.Case:
    """Return what the guards may know of a run besides its plan.

    `declared` is what its program declares, `told` what was just read of the clouds. What of an account counts for
    `plan` is asked for.
    """
    needs = guard.needs(plan, declared) if plan is not None else {}
    sizes = guard.sizes(plan, declared) if plan is not None else ()
    losing = plan is not None and any(guard.losses(plan))
    asked = session.account(tuple(needs), sizes) if needs or sizes or losing else None
    cloud_now, usage, offers = asked or (session.options.hooks.now(), {}, {})
    target, options, loaded = session.target, session.options, session.load()
    if needs and not target.account.simulated:
        _say_doubts(session, usage)
    _say_offers(session, sizes, offers)
    settings = target.home.settings
    labels = at(target.spec, "metadata.labels")
    return replace(
        running_case(target, session.record(), loaded.checkpoint if loaded else None),
        allow=options.allow,
        accept_loss=options.accept_loss,
        override=options.override,
        importing={urn: options.adopt[urn] for urn in options.importing},
        held={
            row.urn: frozenset({row.id, row.import_id})
            for row in (loaded.checkpoint.resources if loaded else ())
            if row.urn in options.importing and not row.delete
        },
        told=told,
        cloud_now=cloud_now,
        usage=usage,
        offers=offers,
        declared=declared,
        exceptions=settings.policies,
        freezes=settings.freezes,
        labels={key: str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
        window=str(at(target.spec, "spec.maintenance.window") or ""),
        now=options.hooks.now(),
    )


def _say_offers(session: Session, sizes: Sequence[Size], offers: Mapping[Size, Offer]) -> None:
    """Warn where nobody could tell whether a size is to be had, and where not every zone of the cell has it."""
    account = session.target.account
    for size in sizes:
        offer = offers.get(size)
        if offer is None and not account.simulated:
            session.say(f"not known whether account {account.name} is offered {size.name}: there is nobody to ask as")
        elif offer is not None and offer.doubt:
            session.say(f"not known whether account {account.name} is offered {size.name}: {offer.doubt}")
    for line in guard.lacking({size: offer.zones for size, offer in offers.items() if not offer.doubt}):
        session.say(line)


def _say_doubts(session: Session, usage: Mapping[Need, Usage]) -> None:
    """Say which quotas of a real account are judged by other than its own numbers, and why."""
    account = session.target.account.name
    if not usage:
        session.say(f"quotas of account {account} are judged by their defaults: there is nobody to ask as", "info")
    doubts: dict[str, list[str]] = {}
    for need, known in usage.items():
        if known.doubt:
            doubts.setdefault(known.doubt, []).append(f"{need.quota} ({known.because})")
    for doubt, quotas in doubts.items():
        session.say(f"not known of account {account}: {', '.join(quotas)}: {doubt}", "info")

"""What the guards are told of a run: assembled in one place, so that a preview and an `up` are judged alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl import guard
from cellctl.facts.conditions import at
from cellctl.run.target import running_case

if TYPE_CHECKING:
    from cellctl.plan import Declared
    from cellctl.run.session import Session


def case_of(session: Session, declared: Sequence[Declared] = ()) -> guard.Case:
    """Return what the guards may know of a run besides its plan; `declared` is what its program declares."""
    target, options, loaded = session.target, session.options, session.load()
    settings = target.home.settings
    labels = at(target.spec, "metadata.labels")
    return replace(
        running_case(target, session.record(), loaded.checkpoint if loaded else None),
        allow=options.allow,
        override=options.override,
        declared=declared,
        exceptions=settings.policies,
        freezes=settings.freezes,
        labels={key: str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
        window=str(at(target.spec, "spec.maintenance.window") or ""),
        now=options.hooks.now(),
    )

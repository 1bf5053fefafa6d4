"""Which home and which reef a command is about."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellctl.cli.place import Place, open_home, refuse_if_real_is_required

if TYPE_CHECKING:
    from cellctl.reef import Reef

ReefArgument = Annotated[str, typer.Argument(metavar="REEF", help="A reef's name, or the path of its file.")]


@dataclass(frozen=True, kw_only=True)
class ReefPlace(Place):
    """One reef in one home; its `name` is `reef/NAME`, as it is in views."""

    reef: Reef

    def command(self, verb: str, *more: str) -> str:
        """Return `cellctl reef VERB REEF` as it can be typed again here."""
        return shlex.join(["cellctl", "reef", verb, self.word, *more]) + self.home_words


def locate_reef(
    verb: str, reef: str, *, home: Path | None, cloud: str | None = None, create: bool = False
) -> ReefPlace:
    """Return the reef that is meant, its file made where that is allowed, which is said.

    Raises:
        SpecError, UsageError: As `find_reef`.
        GuardError: CELLCTL_REQUIRE_REAL is set and the reef is in the sandbox.
    """
    from cellctl.cli import streams
    from cellctl.home.reefs import find_reef
    from cellctl.reef import Reef
    from cellctl.run.target import record_of

    found_home = open_home(home)
    found = find_reef(found_home, reef, command=verb, cloud=cloud or "", create=create)
    record = record_of(found_home, f"reef/{found.name}")
    body = found.spec.spec if found.spec else None
    account = body.account if body else str(record.get("account") or "")
    refuse_if_real_is_required(account)
    if create and found_home.write_file():
        streams.say(f"Wrote {found_home.file}: this folder is now a home of cells.")
    if found.created:
        streams.say(f"Wrote {found.file}: the reef's file, with every field shown.")
    return ReefPlace(
        home=found_home,
        name=f"reef/{found.name}",
        cloud=body.cloud if body else str(record.get("cloud") or ""),
        account=account,
        spec=None,
        file=found.file,
        home_option=home,
        word=reef,
        reef=Reef(found.spec, home=found_home, name=found.name, file=found.file),
    )

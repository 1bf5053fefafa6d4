"""What the files of a real account name there: networks, zones and keys, judged as an `up` judges them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from cellctl import clouds
from cellctl.doctor.findings import Finding
from cellctl.engine import hosts
from cellctl.errors import CellctlError, GuardError
from cellctl.run import siting
from cellctl.run.target import record_of
from cellctl.spec import load
from cellctl.spec.reef_file import load_reef

if TYPE_CHECKING:
    from cellctl.engine.ports import SiteReader
    from cellctl.home import Account, Home
    from cellctl.spec import CellSpec
    from cellctl.spec.reef import ReefSpec


def sites(home: Home, account: Account, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield whether the account has what the files of its cells and reefs name; asks nothing where none names any.

    `environment` proves this machine's identity.
    """
    for name, spec in _specs(home, account):
        wants = siting.wants(spec.model_dump(mode="json", by_alias=True))
        reader = hosts.site_reader(account.cloud, account.looks_as, account.tenant, environment) if wants else None
        if reader is None:
            continue
        yield from _judged(home, account, name, spec, reader, ", ".join(wants))


def _judged(  # noqa: PLR0917
    home: Home, account: Account, name: str, spec: CellSpec | ReefSpec, reader: SiteReader, what: str
) -> Iterator[Finding]:
    settle = clouds.load(account.cloud).settle
    assert settle is not None
    # What a stack whose state is elsewhere has already is not known here, so its own names are not held against it.
    known = bool(account.state) or bool(record_of(home, name).get("site"))
    try:
        settle(spec, partial(reader.look, account.id), exists=known)
    except GuardError as error:
        for one in error.objections:
            yield Finding(subject=name, level="missing", message=f"[{one.code}] {one.reason}", remedy=one.remedy)
    except CellctlError as error:
        yield Finding(subject=name, level="note", message=f"not known: {error.summary}", remedy=error.hint)
    else:
        yield Finding(subject=name, level="ok", message=f"what its file names is there and fits: {what}")


def _specs(home: Home, account: Account) -> Iterator[tuple[str, CellSpec | ReefSpec]]:
    """Yield what can be read; what cannot is said by every other command."""
    for folder, level in (("cells", ""), ("reefs", "reef/")):
        for file in sorted((home.root / folder).glob("*.yaml")):
            try:
                spec: CellSpec | ReefSpec = load_reef(file) if level else load(file)
            except CellctlError:
                continue
            if spec.spec.account == account.name:
                yield f"{level}{spec.metadata.name}", spec

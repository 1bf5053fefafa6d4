"""The gates of a gateway, tried one after the other: what fails ends none of the others that do not need it.

    found = gates.judged(outputs["gateways"][0], host.dialer, host.gateways, sleep=host.sleep)

Keys of an entry of the stack's output `gateways` that are read here: `name`, `region`, `arn`, `host`, `protocol`,
`control` (the range that dials), `shares` (`[{"name", "arn", "bucket"}]`), `probe`: the name of a share that no cell
has, through which a file may be written, `` for none, and `unproven`: the names of shares that may hold files of a cell
that left, each of which is looked at. One that is proven to hold nothing serves as `probe` where none is named.
`joinSecret` refers to a user of the domain that its shares ask.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Protocol

from cellctl.dialer import Dialer
from cellctl.errors import CellctlError, EngineError
from cellctl.gates import Gate, GateName, GatewayFacts, GatewayTarget, Judged, ShareTarget

PORTS = {"nfs": 2049, "smb": 445}
_TIMEOUT_S = 10.0
_EVERY_S = 30.0
_LIMIT_S = 600.0


class GatewayReader(Protocol):
    """What a host knows of gateways. Its methods raise CellctlError with one sentence on what is wrong."""

    def facts(self, target: GatewayTarget) -> GatewayFacts:
        """Return what the service says of a gateway that is connected."""

    def share_states(self, target: GatewayTarget) -> Mapping[str, str]:
        """Return the state of each share by its ARN."""

    def probe(self, target: GatewayTarget, share: ShareTarget) -> str:
        """Write, read, find in the bucket and remove a file; return a sentence. Nobody is admitted before and after."""

    def unused(self, target: GatewayTarget) -> tuple[str, ...]:
        """Return the ARNs of the unproven shares that admit nobody and whose buckets hold nothing."""

    def scrub(self, region: str, bucket: str, share: str) -> int:
        """Return how many versions, markers and uploads a bucket holds; with its share's ARN, remove them first."""

    def close(self) -> None:
        """Close its connections."""


def target_of(row: Mapping[str, object]) -> GatewayTarget:
    """Return the gateway of an entry of the output `gateways`.

    Raises:
        EngineError: The entry has another shape (code `verify_outputs`).
    """
    listed = row.get("shares")
    rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    shares = tuple(
        ShareTarget(name=str(one.get("name")), arn=str(one.get("arn")), bucket=str(one.get("bucket"))) for one in rows
    )
    texts = {key: str(row.get(key) or "") for key in ("name", "region", "arn", "host", "protocol", "control")}
    unproven = row.get("unproven")
    asked = unproven if isinstance(unproven, list | tuple) else ()
    missing = [key for key, value in texts.items() if not value]
    if missing or not shares:
        raise EngineError(
            f"the stack does not say '{(*missing, 'shares')[0]}' of its gateway",
            hint="the program that made it is of another version: run `cellctl reef up` again",
            code="verify_outputs",
        )
    return GatewayTarget(
        name=texts["name"], region=texts["region"], arn=texts["arn"], host=texts["host"], protocol=texts["protocol"],
        control=texts["control"], shares=shares,
        probe=next((share for share in shares if share.name == row.get("probe")), None),
        unproven=tuple(share for share in shares if share.name in asked),
        account=str(row.get("joinSecret") or ""),
    )  # fmt: skip


def judged(
    row: Mapping[str, object], dialer: Dialer, reader: GatewayReader | None, *, sleep: Callable[[float], None]
) -> Judged:
    """Try every gate and return what was found; failures are results, not exceptions.

    `sleep` waits between two looks at what takes its time (simulated in the sandbox).
    """
    target = target_of(row)
    if reader is None:
        hint = "the gates are tried where the account's role can be assumed"
        return Judged(gateway=target.name, gates=(_shut("connected", "nobody here can ask the service", hint),))
    look = _Look(target, dialer, reader, sleep)
    gates = [look.connected(), look.shares(), look.name()]
    if all(one.passed for one in gates):
        look.unused()
    gates.append(look.write() if all(one.passed for one in gates) else _untried("write", gates))
    gates.append(look.cache() if gates[0].passed else _untried("cache", gates))
    return Judged(gateway=target.name, gates=tuple(gates), facts=look.facts, clean=look.clean, doubt=look.doubt)


class _Look:
    def __init__(
        self, target: GatewayTarget, dialer: Dialer, reader: GatewayReader, sleep: Callable[[float], None]
    ) -> None:
        self._target, self._dialer, self._reader, self._sleep = target, dialer, reader, sleep
        self.facts = GatewayFacts()
        self.clean: tuple[str, ...] = ()
        self.doubt = ""

    def connected(self) -> Gate:
        def look() -> Gate:
            try:
                self.facts = self._reader.facts(self._target)
            except CellctlError as error:
                hint = "its appliance must run and reach the service; `cellctl reef up` puts rules and routes back"
                return _shut("connected", error.summary, hint)
            return _open("connected", f"the gateway is connected and runs {self.facts.software}")

        return self._patiently(look)

    def shares(self) -> Gate:
        def look() -> Gate:
            hint = "its role must reach the bucket; `cellctl reef up --refresh all` puts role and policies back"
            try:
                states = self._reader.share_states(self._target)
            except CellctlError as error:
                return _shut("shares", error.summary, hint)
            wrong = [
                f"{one.name} is {states.get(one.arn, 'gone')}"
                for one in self._target.shares
                if states.get(one.arn) != "AVAILABLE"
            ]
            if wrong:
                return _shut("shares", ", ".join(wrong), hint)
            return _open("shares", f"{len(self._target.shares)} of {len(self._target.shares)} shares are available")

        return self._patiently(look)

    def name(self) -> Gate:
        target = self._target
        port = PORTS[target.protocol]
        try:
            route = self._dialer.route(target.host, port)
            with closing(socket.create_connection((route.host, route.port), timeout=_TIMEOUT_S)):
                return _open("name", f"{target.host} leads to it")
        except OSError as error:
            hint = "the control network must resolve the reef's zone and reach the gateway"
            return _shut("name", f"{target.host}:{port} does not lead to it: {error}", hint)

    def unused(self) -> None:
        """Look at shares of which nothing is proven: what waits in the cache may belong to any of them."""
        if not self._target.unproven:
            return
        if not self.cache().passed:
            self.doubt = "what waits in the gateway's cache may belong to a share of which nothing is known"
            return
        try:
            self.clean = self._reader.unused(self._target)
        except CellctlError as error:  # what cannot be looked at stays unproven
            self.doubt = error.summary

    def write(self) -> Gate:
        proven = [one for one in self._target.unproven if one.arn in self.clean]
        share = self._target.probe or (proven[-1] if proven else None)
        if share is None:
            return _shut("write", "no share is free for a file to be written", "scrub one, or expand the reef")
        try:
            return _open("write", self._reader.probe(self._target, share))
        except CellctlError as error:
            return _shut("write", error.summary, error.hint or "try again: `cellctl gateway probe`")

    def cache(self) -> Gate:
        def look() -> Gate:
            try:
                self.facts = self._reader.facts(self._target)
            except CellctlError as error:
                return _shut("cache", error.summary, "what the cache holds cannot be read, so it counts as dirty")
            dirty = self.facts.dirty_percent
            if dirty == 0:
                return _open("cache", "its cache is clean")
            return _shut("cache", f"{dirty or 0:g} % of its cache is not in S3", "wait until it is uploaded")

        return self._patiently(look)

    def _patiently(self, look: Callable[[], Gate]) -> Gate:
        waited = 0.0
        while not (found := look()).passed and waited < _LIMIT_S:
            self._sleep(_EVERY_S)
            waited += _EVERY_S
        return found


def _open(gate: GateName, message: str) -> Gate:
    return Gate(gate=gate, passed=True, message=message)


def _shut(gate: GateName, message: str, hint: str) -> Gate:
    return Gate(gate=gate, passed=False, message=message, hint=hint)


def _untried(gate: GateName, before: list[Gate]) -> Gate:
    first = next(one for one in before if not one.passed)
    return _shut(gate, f"not tried: gate '{first.gate}' is shut", first.hint)

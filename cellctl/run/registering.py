"""What a run tells the registry, and whose leases guard it. SQLAlchemy is loaded when a registry is first opened.

A home without `registry:` keeps one in `.cellctl/registry.db`, and its leases in `cellctl.db`; those of a real account
whose states are in a bucket are objects beside them. One that names a registry shares both with every other home that
names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Protocol

from cellctl.errors import CellctlError, RegistryError
from cellctl.leases import Lease, Leases, ObjectLeases, SqliteLeases
from cellctl.plan import Outcome

if TYPE_CHECKING:
    from cellctl.home import Account, Home
    from cellctl.registry.books import AnySurvey
    from cellctl.registry.database import Database
    from cellctl.registry.journal import CellKey
    from cellctl.registry.points import PointSeen
    from cellctl.run.session import Session
    from cellctl.run.target import Target
    from cellctl.state.objects import Objects

OBJECTS = {
    "s3": "cellctl_provider.aws.objects:open_objects",
    "azblob": "cellctl_provider.azure.objects:open_objects",
}
"""Who opens a store of objects beside states, by the scheme of the states' URL (`OpenObjects`, as MODULE:NAME)."""
GATE = "gate_"
"""Beginning of the code of a Failure: a gate of a gateway that is shut."""
_LOST = "; `cellctl registry rebuild` makes up for it"


class AnyRecord(Protocol):
    """What the registry is told of one run; `database` is that registry."""

    database: Database

    def begin(self, run: str, kind: str, lease: Lease) -> None:
        """Record that it begins; RegistryError where that cannot be told: nothing must be changed."""

    def finish(self, outcome: Outcome, session: Session) -> None:
        """Record how it ended; never fails."""

    def broke(self, result: str, error: str) -> None:
        """Record that it ended without an outcome."""


class OpenObjects(Protocol):
    """Opens the store of leases beside the states at a URL."""

    def __call__(self, url: str, *, account: str, role: str, tenant: str, environment: Mapping[str, str]) -> Objects:
        """Return the store; `environment` proves this machine's identity.

        Raises:
            EngineError: It cannot be opened (code `leases_unreachable`).
        """


def account_key(home: Home, account: Account) -> str:
    """Return what the registry calls an account: it is the same from every home, and each home's sandbox is its own."""
    return f"sandbox:{home.identity}" if account.simulated else f"{account.cloud}:{account.id}"


@contextmanager
def opened(home: Home) -> Iterator[Database]:
    """Open the home's registry for the block, its tables made or brought to this version.

    Raises:
        RegistryError: It cannot be reached, or a newer cellctl made it.
    """
    from cellctl.registry.database import Database
    from cellctl.registry.migrating import migrate

    url = home.settings.registry
    if not url:
        home.prepare()
    database = Database(url or home.registry_file)
    try:
        migrate(database)
        yield database
    finally:
        database.close()


def record_of_run(database: Database, target: Target) -> AnyRecord:
    """Return what tells the registry of a run."""
    return AccountRecord(database, target) if target.level == "account" else Record(database, target)


def leases_of(
    home: Home, account: Account, database: Database, *, environment: Mapping[str, str] | None = None
) -> Leases:
    """Return the leases that guard cells of an account against everybody who may change them.

    `environment` proves this machine's identity where they are beside states in Azure.

    Raises:
        EngineError: They are beside the account's states, which cannot be reached (code `leases_unreachable`).
    """
    if not home.settings.registry:
        return _without_registry(home, account, environment or {})
    from cellctl.registry.leases import RegistryLeases

    return RegistryLeases(database, account_key(home, account))


def _without_registry(home: Home, account: Account, environment: Mapping[str, str], *, looking: bool = False) -> Leases:
    scheme, role = account.state.partition("://")[0], account.looks_as if looking else account.apply_role
    if account.simulated or not role or scheme not in OBJECTS:
        return SqliteLeases(home.database)
    opener: OpenObjects = resolve_name(OBJECTS[scheme])
    return ObjectLeases(
        opener(account.state, account=account.id, role=role, tenant=account.tenant, environment=environment)
    )


def current_lease(
    home: Home, account: Account, cell: str, *, environment: Mapping[str, str] | None = None
) -> Lease | None:
    """Return the lease that is in force on a cell; `environment` as in `leases_of`.

    Raises:
        RegistryError, EngineError: The leases are in a registry, or beside states, that cannot be reached.
    """
    if not home.settings.registry:
        return _without_registry(home, account, environment or {}, looking=True).current(cell)
    with opened(home) as database:
        return leases_of(home, account, database).current(cell)


def known_incarnation(home: Home, account: Account, cell: str) -> tuple[int, str]:
    """Return which incarnation of a cell lives, and what could not be asked, as a sentence or ``.

    A home without a shared registry knows it alone.
    """
    own = home.incarnation(cell)
    if not home.settings.registry:
        return own, ""
    from cellctl.registry import books

    try:
        with opened(home) as database:
            return max(own, books.incarnation(database, account_key(home, account), cell)), ""
    except RegistryError as error:
        return own, f"{error.summary}; names of a cell that was deleted elsewhere may differ"


class AccountRecord:
    """What the registry is told of a run of an account's own base: whether it is there."""

    def __init__(self, database: Database, target: Target) -> None:
        self.database = database
        self._account, self._cloud = account_key(target.home, target.account), target.cloud
        self._name = target.name.rpartition("/")[2]

    def begin(self, run: str, kind: str, lease: Lease) -> None:
        """Nothing is recorded before: what is taken away is said once somebody has agreed to it."""
        del run, kind, lease

    def finish(self, outcome: Outcome, session: Session) -> None:
        """Record how it ended. Never fails: what was done is done."""
        from cellctl.registry import account_books

        done = outcome.result == "succeeded"
        up = outcome.operation == "up" and outcome.result in ("succeeded", "nothing")
        state = "in_service" if up else "purged" if outcome.operation == "down" and done else ""
        try:
            if state and not outcome.remaining:
                account_books.ended(self.database, self._account, self._cloud, self._name, state)
        except CellctlError as error:
            session.say(f"{error.summary}; the next `account up` or `down` says it again")

    def broke(self, result: str, error: str) -> None:
        """What a run that came to no outcome leaves is said by the next one."""
        del result, error


class Record:
    """What the registry is told of one run; `database` is that registry."""

    def __init__(self, database: Database, target: Target) -> None:
        from cellctl.run.survey import cell_key

        self.database, self._target = database, target
        self._account = account_key(target.home, target.account)
        self._key: CellKey = cell_key(target, self._account)
        self._run = self._by = ""

    def begin(self, run: str, kind: str, lease: Lease) -> None:
        """Record that a run begins; a run of this cell that never said how it ended is lost.

        Raises:
            RegistryError: The registry cannot be told: nothing must be changed.
        """
        from cellctl.registry import books, journal

        target, holder = self._target, lease.holder
        beginning = journal.Beginning(
            id=run, kind=kind, command=holder.command, holder=holder.words(), lease_token=lease.token,
            spec_digest=target.spec_digest, incarnation=target.incarnation,
        )  # fmt: skip
        books.begin(self.database, self._key, beginning)
        self._run, self._by = run, holder.words()

    def finish(self, outcome: Outcome, session: Session) -> None:
        """Record how it ended, and what the cell has now. Never fails: what was done is done."""
        try:
            self._finish(outcome, session, *_seen(session, self._account, whole=_whole(outcome)))
        except CellctlError as error:
            session.say(f"{error.summary}{_LOST}")

    def broke(self, result: str, error: str) -> None:
        """Record that it ended without an outcome; a registry that cannot be told finds out with the next run."""
        from cellctl.registry import books, journal

        with suppress(CellctlError):
            books.end(self.database, self._key, journal.Ending(id=self._run, result=result, error=error))

    def _finish(self, outcome: Outcome, session: Session, seen: AnySurvey | None, empty: bool) -> None:
        from cellctl.registry import books, journal, serving

        ending = journal.Ending(
            id=self._run,
            result=outcome.result,
            gate=_gate(outcome),
            error=outcome.failures[0].message if outcome.failures else "",
            cell_state=_cell_state(outcome, seen, empty),
            evidence={
                "checks": list(outcome.checks),
                "changes": dict(outcome.changes),
                "retained": [*outcome.retained],
            },
        )
        number = self._target.home.incarnation(self._key.name)
        points, moment = _points(session) if seen is not None else ({}, None)
        books.end(
            self.database, self._key, ending, seen=seen, incarnation=number, points=points, moment=moment
        )  # fmt: skip
        for found in outcome.gates:
            serving.record(self.database, self._account, found, by=self._by)


def _whole(outcome: Outcome) -> bool:
    """Tell whether a run has left everything in its place, and looked; the gates of gateways come after that."""
    done = outcome.result in ("succeeded", "nothing") or bool(outcome.failures)
    return outcome.operation == "up" and done and all(one.code.startswith(GATE) for one in outcome.failures)


def _seen(session: Session, account: str, *, whole: bool) -> tuple[AnySurvey | None, bool]:
    """Return what the cell or reef has now, None where that cannot be read; and whether that is certainly nothing."""
    from cellctl.run.reef_survey import reef_survey
    from cellctl.run.survey import survey

    try:
        loaded = session.load()
    except CellctlError:
        return None, False
    if loaded is None:
        return None, True
    checkpoint, empty = loaded.checkpoint, not loaded.checkpoint.resources
    if session.target.level == "reef":
        return reef_survey(session.target, account, checkpoint, whole=whole), empty
    return survey(session.target, account, checkpoint), empty


def _points(session: Session) -> tuple[Mapping[str, PointSeen], float | None]:
    """Return to which moments hosts can be brought back, and the cloud's time where its process can still tell it."""
    from cellctl.run.restoring import ground_of, rolling

    try:
        now: float | None = session.account(())[0]
    except CellctlError:
        now = None
    loaded = session.load()
    return rolling(ground_of(session, loaded.checkpoint), now) if loaded is not None else {}, now


def _gate(outcome: Outcome) -> str:
    """Return what was proven before a run counted as a success."""
    if outcome.result != "succeeded":
        return ""
    if outcome.operation == "up":
        return f"verified: {len(outcome.checks)} checks"
    if outcome.operation == "scrub":
        return "the bucket was counted: 0 versions, markers and uploads"
    if outcome.operation == "gates":
        return f"{sum(len(one.gates) for one in outcome.gates)} gates hold"
    if outcome.operation == "down":
        return f"counted: {outcome.remaining} objects left"
    return "the state was read anew"


def _cell_state(outcome: Outcome, seen: AnySurvey | None, empty: bool) -> str:
    """Return the state that a run leaves its cell in, `` for the one it had."""
    if outcome.operation == "down" and outcome.result == "nothing" and empty:
        return "purged"  # a run that was cut off had taken everything away
    done = outcome.result == "succeeded"
    if outcome.operation == "up" and (done or (outcome.result == "nothing" and outcome.checks)):
        return "in_service"
    if outcome.operation == "down" and done:
        return "retained" if outcome.remaining else "purged"
    if outcome.operation == "down" and outcome.result in ("failed", "interrupted") and seen is not None:
        return "decommissioning"
    return ""

"""Fault rules for what stand-ins serve, in the vocabulary of all faults: `type = "service:NAME"`, `name` the operation.

| type | operations |
|---|---|
| `service:storagegateway` `service:secretsmanager` `service:ssm` | of the API: `ActivateGateway`, `SendCommand` |
| `service:appliance` | `GET /` |
| `service:s3` | `GET /BUCKET`, `GET /BUCKET/KEY`, `DELETE /BUCKET/KEY` |
| `service:nfs` | `MNT`, `LOOKUP`, `CREATE`, `WRITE`, `READ`, `REMOVE` |
| `service:keyvault` | `GET /secrets/NAME`, `PUT /secrets/NAME` |
| `service:management` | `PUT /subscriptions/…/runCommands/NAME` |
| `service:octopus` | `GET /api/octopusservernodes/ping` |
| `service:sql` | `LOGIN`, or the first two words of a statement: `CREATE DATABASE` |

`partial` and `stale` mean nothing here: a request is carried out or not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cellctl_provider.probes import Moment, Probe, unobserved
from cellctl_sandbox.clouds import faults
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.standins.aws_json import ApiError
from cellctl_sandbox.standins.nfs import Disturb
from cellctl_sandbox.standins.tds.faults import Fault
from cellctl_sandbox.standins.web import Answer, NoAnswer, Request, Response, json_response

CLIENT_TIMEOUT_S = 60.0
"""How long a client waits for a service that hangs, in simulated seconds, unless the rule says another delay."""
PACKAGES = {
    "storagegateway": "aws", "secretsmanager": "aws", "appliance": "aws", "keyvault": "azure-native", "ssm": "aws",
    "management": "azure-native", "s3": "aws", "nfs": "aws",
}  # fmt: skip
AWS_CODES = {
    "throttle": "ThrottlingException",
    "auth": "AccessDeniedException",
    "invalid": "ValidationException",
    "quota": "LimitExceededException",
    "not_found": "ResourceNotFoundException",
    "conflict": "ConflictException",
}
HTTP_STATUS = {
    "throttle": 429,
    "auth": 403,
    "invalid": 400,
    "quota": 403,
    "not_found": 404,
    "conflict": 409,
    "capacity": 503,
}
SQL_NUMBERS = {
    "throttle": 40501,
    "capacity": 40197,
    "quota": 40544,
    "conflict": 1205,
    "auth": 229,
    "invalid": 102,
    "not_found": 4060,
}
"""Errors of the same meaning. Source: Microsoft, database engine events and errors, 2026-11."""
SQL_UNAVAILABLE = 40613


class ServiceFaults:
    """Lets fault rules disturb the services of one operation's stand-ins; `cell` is the operation's, `` for any."""

    def __init__(self, database: Database, clock: SimulatedClock, *, cell: str = "", probe: Probe = unobserved) -> None:
        self._probe = probe
        self._database = database
        self._clock = clock
        self._cell = cell
        self._after: dict[tuple[int, str, str], faults.FaultRule] = {}

    def before(self, service: str, operation: str) -> ApiError | None:
        """Return the error that a rule wants instead of an operation (`aws_json.Interference`).

        Raises:
            NoAnswer: A rule lets it hang: the client has given up.
        """
        rule = self._struck(service, operation)
        if rule is None or rule.effect != "error":
            return None
        return ApiError(
            AWS_CODES.get(rule.error, "InternalServerError"),
            rule.text(),
            status=400 if rule.error in AWS_CODES else 500,
        )

    def after(self, service: str, operation: str) -> bool:
        """Tell whether the response is lost; end the process where a rule says so."""
        self._probe(Moment(place="after_change", operation="invoke", urn=f"service:{service}", part=operation))
        rule = self._after.pop((threading.get_ident(), service, operation), None)
        if rule is not None and rule.effect == "crash":
            self._clock.crash()
        return rule is not None

    def disturb(self, service: str) -> Callable[[Answer], Answer]:
        """Return what makes a web service's answer function one that rules can strike."""

        def wrapped(answer: Answer) -> Answer:
            return lambda request: self._answered(service, answer, request)

        return wrapped

    def called(self, service: str) -> Disturb:
        """Return what makes a service's operations ones that rules can strike, whatever they speak."""

        def answered(operation: str, answer: Callable[[], bytes], refused: Callable[[str], bytes]) -> bytes:
            rule = self._struck(service, operation)
            if rule is not None and rule.effect == "error":
                return refused(rule.error)
            found = answer()
            if self.after(service, operation):
                raise NoAnswer
            return found

        return answered

    def judge(self, host: str, database: str, statement: str) -> Fault | None:  # noqa: ARG002
        """Return what happens to a SQL statement (`standins.tds.faults.FaultRule`)."""
        operation = " ".join(statement.split()[:2]).upper()
        try:
            rule = self._struck("sql", operation)
        except NoAnswer:
            return Fault(drop="before")
        if rule is None:
            return None
        if rule.effect == "error":
            return Fault(error=SQL_NUMBERS.get(rule.error, SQL_UNAVAILABLE), text=rule.text())
        return Fault(drop="after") if rule.effect == "lost" else None

    def _answered(self, service: str, answer: Answer, request: Request) -> Response:
        operation = f"{request.method} {request.path}"
        rule = self._struck(service, operation)
        if rule is not None and rule.effect == "error":
            return json_response({"error": {"message": rule.text()}}, status=HTTP_STATUS.get(rule.error, 500))
        response = answer(request)
        return Response(drop=True) if self.after(service, operation) else response

    def _struck(self, service: str, operation: str) -> faults.FaultRule | None:
        """Return the rule that strikes, after what happens before the operation."""
        self._probe(Moment(place="before_change", operation="invoke", urn=f"service:{service}", part=operation))
        package = PACKAGES.get(service, "cellctl")
        call = faults.Call(
            operation="invoke", package=package, type=f"service:{service}", name=operation, cell=self._cell
        )
        with self._clock.call():
            rule = faults.struck(self._database, self._clock, call, start="service:")
        if rule is None:
            return None
        if rule.effect == "hang":
            self._clock.sleep(rule.delay_s or CLIENT_TIMEOUT_S)
            raise NoAnswer
        if rule.delay_s:
            self._clock.sleep(rule.delay_s)
        if rule.effect == "crash" and (rule.when == "before" or service == "sql"):
            self._clock.crash()
        if rule.effect in ("lost", "crash") and service != "sql":
            self._after[threading.get_ident(), service, operation] = rule
        return rule

"""Watchers of a sandbox: functions run once when somebody asks, and alarms are judged by what they publish.

What runs is the code that was uploaded, out of the simulated function itself: as its role, from where it stands, with
its environment. Its calls of AWS and of nodes go the way that the simulated network and roles leave it.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from cellctl.dialer import Route
from cellctl.errors import EngineError
from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds.behaviour import known_behaviour
from cellctl_sandbox.clouds.outputs import moved
from cellctl_sandbox.clouds.templates import EPOCH
from cellctl_sandbox.estate import text
from cellctl_sandbox.inventory import RDS
from cellctl_sandbox.network.aws_functions import FUNCTION, SCHEDULE, Running
from cellctl_sandbox.network.aws_nodes import GATEWAY

if TYPE_CHECKING:
    from cellctl_provider.reading import ProviderSecrets
    from cellctl_sandbox.clouds.view import ObjectView
    from cellctl_sandbox.network import Reachability
    from cellctl_sandbox.standins.cloud_view import CloudObject

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""
Get = Callable[[str, int, str, Mapping[str, str], float], bytes]
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What the watchers of one cell or reef saw: values by metric, and why they did not see everything."""

    values: Mapping[Metric, float]
    failed: str


class Refused(Exception):
    """What a client of AWS raises: `response` has the code."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.response = {"Error": {"Code": code}}


class Watchers:
    """Runs the watchers of the stack `cell`; `route` leads to what stands at an address, its way is judged here."""

    def __init__(
        self,
        view: ObjectView,
        network: Reachability,
        *,
        cell: str,
        secrets: Callable[[], ProviderSecrets],
        route: Callable[[str, int], Route],
    ) -> None:
        self._view, self._network, self._cell = view, network, cell
        self._secrets, self._route = secrets, route

    def states(self, names: Sequence[str], *, region: str) -> Mapping[str, Mapping[str, Value]]:
        """Return `{"state", "why"}` of alarms by name (`cellctl.engine.ports.AlarmReader`), from one look just now."""
        found = {alarm.text("name"): alarm for alarm in self._view.objects(ALARM, self._cell) if alarm.region == region}
        looked = self._looked()
        return {name: _judged(found[name], looked) for name in names if name in found}

    def _looked(self) -> Looked:
        values: dict[Metric, float] = {}
        failed: list[str] = []
        for schedule in self._view.objects(SCHEDULE, self._cell):
            why = self._network.schedule_trouble(schedule)
            started = [one for one in self._view.objects(FUNCTION) if _starts(schedule, one)] if not why else []
            failed += [why, *(self._run(function, values) for function in started)]
        return Looked(values=values, failed="; ".join(filter(None, failed)))

    def _run(self, function: CloudObject, values: dict[Metric, float]) -> str:
        """Run a function's code once; put what it publishes into `values`, return what it raises."""
        module = ModuleType("function")
        exec(compile(_code(function), "function.py", "exec"), module.__dict__)  # noqa: S102  as Lambda does
        errand = _Errand(
            self._view,
            self._network.running(function),
            values,
            secrets=self._secrets,
            route=self._route,
            get=module.get,
        )
        told = at(function.properties, "environment.variables")
        environment = {key: str(value) for key, value in told.items()} if isinstance(told, dict) else {}
        try:
            module.watch(module.Watched.told(environment), errand.call, errand.ask, errand.now, rarely=True)
        except module.LookFailed as error:
            return str(error)
        return ""


class _Errand:
    """One run's calls: each is made as the function's role and from its subnets, or refused as AWS does.

    `get` is the code's own client of nodes.
    """

    def __init__(
        self,
        view: ObjectView,
        running: Running,
        values: dict[Metric, float],
        *,
        secrets: Callable[[], ProviderSecrets],
        route: Callable[[str, int], Route],
        get: Get,
    ) -> None:
        self._view, self._running, self._values = view, running, values
        self._secrets, self._route, self._get = secrets, route, get

    def now(self) -> float:
        """Return the simulated time, in unix seconds."""
        return EPOCH.timestamp() + self._view.now()

    def call(self, service: str, operation: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        """Answer what the function asks of AWS."""
        cut_off = self._running.calls({"cloudwatch": "monitoring"}.get(service, service))
        if cut_off:
            raise TimeoutError(cut_off)
        answer = {
            "describe_db_instances": self._database,
            "describe_gateway_information": self._gateway,
            "get_secret_value": self._secret,
            "put_metric_data": self._publish,
        }[operation]
        return answer(parameters)

    def ask(self, host: str, port: int, path: str, headers: Mapping[str, str], patience_s: float) -> bytes:
        """Ask a node, with the code's own client."""
        cut_off = self._running.reaches(host, port)
        if cut_off:
            raise TimeoutError(cut_off)
        route = self._route(host, port)
        return self._get(route.host, route.port, path, headers, patience_s)

    def _database(self, asked: Mapping[str, object]) -> Mapping[str, object]:
        name, behaviour = str(asked["DBInstanceIdentifier"]), known_behaviour(RDS)
        _allowed(self._running.describes(name))
        found = next((one for one in self._view.objects(RDS) if one.text("identifier") == name), None)
        if found is None or behaviour is None:
            raise Refused("DBInstanceNotFound", name)
        latest = moved(behaviour, found.properties, self._view.now()).get("latestRestorableTime")
        if not isinstance(latest, str) or not latest:
            return {"DBInstances": [{}]}
        return {"DBInstances": [{"LatestRestorableTime": datetime.datetime.fromisoformat(latest)}]}

    def _gateway(self, asked: Mapping[str, object]) -> Mapping[str, object]:
        arn = str(asked["GatewayARN"])
        _allowed(self._running.describes_gateway(arn))
        found = next((one for one in self._view.objects(GATEWAY) if one.text("arn") == arn), None)
        if found is None:
            raise Refused("InvalidGatewayRequestException", arn)
        date = found.text("deprecationDate")
        return {"DeprecationDate": date} if date else {}

    def _secret(self, asked: Mapping[str, object]) -> Mapping[str, object]:
        reference = str(asked["SecretId"])
        _allowed(self._running.reads(reference))
        try:
            return {"SecretString": self._secrets().read(reference)}
        except EngineError as error:
            raise Refused("ResourceNotFoundException", error.summary) from None

    def _publish(self, asked: Mapping[str, object]) -> Mapping[str, object]:
        namespace, data = str(asked["Namespace"]), asked["MetricData"]
        _allowed(self._running.publishes(namespace))
        for row in data if isinstance(data, list) else []:
            dimensions = frozenset((str(one["Name"]), str(one["Value"])) for one in row["Dimensions"])
            self._values[namespace, row["MetricName"], dimensions] = row["Value"]
        return {}


def _allowed(why: str) -> None:
    if why:
        raise Refused("AccessDenied", why)


def _starts(schedule: CloudObject, function: CloudObject) -> bool:
    return text(schedule, "target.arn") == function.text("arn")


def _code(function: CloudObject) -> str:
    """Return the text of the one file that was uploaded."""
    assets = at(function.properties, "code.assets")
    texts = [at(one, "text") for one in assets.values()] if isinstance(assets, dict) else []
    return "".join(one for one in texts if isinstance(one, str))


def _judged(alarm: CloudObject, looked: Looked) -> Struct:
    """Return the state of an alarm: of metrics that no watcher publishes nothing is known here."""
    namespace, name, told = alarm.text("namespace"), alarm.text("metricName"), at(alarm.properties, "dimensions")
    dimensions = {key: str(value) for key, value in told.items()} if isinstance(told, dict) else {}
    if not namespace or namespace.startswith("AWS/"):
        return {"state": "UNKNOWN", "why": "the sandbox has no metrics of the cloud's own services"}
    value = looked.values.get((namespace, name, frozenset(dimensions.items())))
    if value is None:
        bad = alarm.text("treatMissingData") == "breaching"
        why = looked.failed or "nobody publishes it"
        return {"state": "ALARM" if bad else "INSUFFICIENT_DATA", "why": f"no data: {why}"}
    compare, threshold = _COMPARED[alarm.text("comparisonOperator")], alarm.properties.get("threshold")
    bad = isinstance(threshold, int | float) and compare(value, threshold)
    return {"state": "ALARM" if bad else "OK", "why": f"{name} is {value:.15g}"}

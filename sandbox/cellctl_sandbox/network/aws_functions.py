"""What a function of Lambda may do and whom it reaches, and what keeps its schedule from starting it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from cellctl.facts.conditions import at
from cellctl_sandbox.estate import Estate, text, texts
from cellctl_sandbox.iam import aws, services, tables
from cellctl_sandbox.network.addresses import stand_in
from cellctl_sandbox.network.aws import AwsNetwork
from cellctl_sandbox.network.aws_routes import SUBNET
from cellctl_sandbox.network.verdict import Place
from cellctl_sandbox.standins.cloud_view import CloudObject

FUNCTION = "aws:lambda/function:Function"
SCHEDULE = "aws:scheduler/schedule:Schedule"
_HTTPS = 443


class Running:
    """The code of one function: as whom it acts, and where it stands; `` is no trouble."""

    def __init__(self, estate: Estate, function: CloudObject) -> None:
        self._network = AwsNetwork(estate)
        self._function = function
        self._role = function.text("role")
        self._places = [_place(estate, function, subnet) for subnet in texts(function, "vpcConfig.subnetIds")]

    def told(self, name: str) -> str:
        """Return what its environment says, `` if nothing."""
        return str(at(self._function.properties, f"environment.variables.{name}") or "")

    def may(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> str:
        """Return why its code may not do something."""
        known = {"lambda:SourceFunctionArn": self._function.text("arn"), **(context or {})}
        return aws.lacks(self._network.estate, self._role, (action,), resource, known)

    def reaches(self, name: str, port: int) -> str:
        """Return why it does not reach a name or address from one of its subnets."""
        verdicts = (self._network.reach(place, name, port) for place in self._places)
        return next((verdict.why for verdict in verdicts if not verdict.open), "")

    def calls(self, service: str) -> str:
        """Return why it does not reach a service of AWS."""
        return self.reaches(f"service:{service}:{self._function.region}", _HTTPS)

    def reads(self, secret: str) -> str:
        """Return why it may not read a secret."""
        item = services.secret_of(self._network.estate, secret)
        key, via = (item.text("kmsKeyId") if item else ""), f"secretsmanager.{self._function.region}.amazonaws.com"
        why = self.may("secretsmanager:GetSecretValue", item.text("arn") if item else secret)
        return why or (self.may("kms:Decrypt", key, {"kms:ViaService": via}) if key else "")

    def describes(self, database: str) -> str:
        """Return why it may not look at an RDS instance."""
        arn = f"arn:aws:rds:{self._function.region}:{aws.account_of(self._role)}:db:{database}"
        return self.may("rds:DescribeDBInstances", arn)

    def describes_gateway(self, arn: str) -> str:
        """Return why it may not look at a storage gateway."""
        return self.may("storagegateway:DescribeGatewayInformation", arn)

    def publishes(self, namespace: str) -> str:
        """Return why it may not publish metrics into a namespace."""
        return self.may("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": namespace})


def _place(estate: Estate, function: CloudObject, subnet: str) -> Place:
    found = estate.one(SUBNET, subnet)
    return Place(
        what=function.text("name"),
        address=stand_in(text(found, "cidrBlock") or "0.0.0.0/32", function.id),
        network=text(found, "vpcId"),
        subnet=subnet,
        groups=texts(function, "vpcConfig.securityGroupIds"),
        key=function.id,
    )


def _made(estate: Estate, function: CloudObject) -> str:
    """Return why Lambda does not take a function: it tries the role."""
    role = function.text("role")
    why = aws.assumes(estate, tables.principal("function", function.region), role, "")
    if why:
        return f"InvalidParameterValueException: the role cannot be assumed by Lambda: {why}"
    placed = texts(function, "vpcConfig.subnetIds")
    why = aws.lacks(estate, role, tables.actions("function", "network"), "*") if placed else ""
    return f"InvalidParameterValueException: the role does not put the function into its network: {why}" if why else ""


def starts(estate: Estate, schedule: CloudObject) -> str:
    """Return why a schedule starts nothing, `` if its function runs."""
    arn, role = text(schedule, "target.arn"), text(schedule, "target.roleArn")
    group = schedule.text("arn").replace(":schedule/", ":schedule-group/").rpartition("/")[0]
    if schedule.text("state") == "DISABLED":
        return f"schedule {schedule.text('name')} is disabled"
    if estate.one(FUNCTION, arn) is None:
        return f"function {arn} does not exist"
    why = aws.assumes(estate, tables.principal("schedule", schedule.region), role, group)
    return why or aws.lacks(estate, role, tables.actions("schedule", "target"), arn)


def _works(estate: Estate, schedule: CloudObject) -> str:
    """Return why what a schedule starts does not work: AWS would show it only by alarms without data."""
    return next((why for why in _hindrances(estate, schedule) if why), "")


def _hindrances(estate: Estate, schedule: CloudObject) -> Iterator[str]:
    yield starts(estate, schedule)
    function = estate.one(FUNCTION, text(schedule, "target.arn"))
    if function is None:
        return
    yield from _looks(Running(estate, function))
    group = text(function, "loggingConfig.logGroup")
    log = f"arn:aws:logs:{function.region}:{aws.account_of(function.text('arn'))}:log-group:{group}:log-stream:any"
    yield aws.lacks(estate, function.text("role"), tables.actions("function", "group"), log)


def _looks(running: Running) -> Iterator[str]:
    databases, gateways, nodes = (running.told(name).split(",") for name in ("DATABASES", "GATEWAYS", "NODES"))
    for database in filter(None, databases):
        yield running.describes(database)
        yield running.calls("rds")
    for gateway in filter(None, gateways):
        yield running.describes_gateway(gateway)
        yield running.calls("storagegateway")
    for node in filter(None, nodes):
        host, _, port = node.rpartition(":")
        yield running.reaches(host, int(port))
    secret = running.told("API_KEY_SECRET")
    if secret:
        yield running.reads(secret)
        yield running.calls("secretsmanager")
    yield running.publishes(running.told("NAMESPACE"))
    yield running.calls("monitoring")


WORK: Mapping[str, Callable[[Estate, CloudObject], str]] = {FUNCTION: _made, SCHEDULE: _works}
"""What of functions must work, by type; each says why it does not."""

"""What runs in the account once a minute: it looks where CloudWatch has no metric, and publishes what it saw.

This file alone is uploaded, so it imports nothing but the standard library and botocore, which the runtime brings. What
it looks at it is told by its environment, which holds names and ARNs, never a secret:

    NAMESPACE       the namespace of CloudWatch that this owner alone publishes into
    DATABASES       identifiers of RDS instances, with commas; empty: none
    GATEWAYS        ARNs of storage gateways, with commas; empty: none. Looked at in a few minutes of each hour
    NODES           `address:port` of Octopus nodes, with commas; empty: none
    API_KEY_SECRET  ARN of the secret with Octopus' API key, where there are nodes

A look that fails publishes nothing, so that its alarm, which takes missing data for bad, tells of it; the other look
goes on. What is raised then names what was asked and the kind of failure: no answer, header or secret is in it.

Paths and members of Octopus' API: reference octopus.md 2.2; licences: octopus.md 40.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

NODES_PATH = "/api/octopusservernodes/summary"
LICENCE_PATH = "/api/licenses/licenses-current"
PATIENCE_S = 5.0
"""How long one node may take for one answer."""
BUDGET_S = 20.0
"""How long all nodes together may: with the calls of AWS, which end after 11 s each, less than the function has."""
HOUR_S, RARELY_S = 3600, 300
"""What changes in days is looked at in the first minutes of an hour: calls of all cells share an account's limit."""
_LARGEST = 4 * 1024 * 1024  # bytes of an answer
_UNLIMITED = 1_000_000
_FOR_LONG_DAYS = 3650.0  # a gateway without a date
_NEVER_S = 7 * 86_400.0  # a node that is registered and was never seen
_NODE_LIMIT = re.compile(r"<NodeLimit>\s*(\d{1,6}|Unlimited)\s*</NodeLimit>", re.IGNORECASE)

Get = Callable[[str, int, str, Mapping[str, str], float], bytes]
"""Host, port, path, headers and patience in seconds to the body of an answer 200; raises OSError or LookFailed."""
Call = Callable[[str, str, Mapping[str, object]], Mapping[str, object]]
"""Service, operation and parameters, as boto3 names them, to the answer."""


class LookFailed(Exception):
    """A look that brought nothing; its text is for a log."""


class Watched(NamedTuple):
    """What is looked at, as the environment says it."""

    namespace: str
    databases: tuple[str, ...]
    gateways: tuple[str, ...]
    nodes: tuple[str, ...]
    api_key_secret: str

    @classmethod
    def told(cls, environment: Mapping[str, str]) -> Watched:
        """Return what an environment says."""
        databases, gateways, nodes = (
            tuple(one for one in environment.get(name, "").split(",") if one)
            for name in ("DATABASES", "GATEWAYS", "NODES")
        )
        return cls(environment["NAMESPACE"], databases, gateways, nodes, environment.get("API_KEY_SECRET", ""))


def handler(event: object, context: object) -> None:  # noqa: ARG001  what Lambda calls
    """Look once."""
    from botocore.config import Config
    from botocore.session import Session

    patience = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2, "mode": "standard"})

    session = Session()

    def call(service: str, operation: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        client = session.create_client(service, config=patience)
        answer: Mapping[str, object] = getattr(client, operation)(**parameters)
        return answer

    watch(Watched.told(os.environ), call, get, time.time, rarely=time.time() % HOUR_S < RARELY_S)


def watch(watched: Watched, call: Call, ask: Get, now: Callable[[], float], *, rarely: bool) -> None:
    """Look at databases and nodes, `rarely` at gateways too, and publish what was seen; `now` gives unix seconds.

    Raises:
        LookFailed: Something was not seen. What else was seen is published all the same.
    """
    seen: list[dict[str, object]] = []
    failed: list[str] = []
    looks: list[tuple[str, Callable[[], list[dict[str, object]]]]] = [
        *((f"database {name}", lambda name=name: _database(call, name, now())) for name in watched.databases),
        *(
            (f"gateway {arn.rpartition('/')[2]}", lambda arn=arn: _gateway(call, arn, now()))
            for arn in (watched.gateways if rarely else ())
        ),
        *([("nodes", lambda: _nodes(watched, call, ask, now))] if watched.nodes else []),
    ]
    for what, look in looks:
        try:
            seen += look()
        except Exception as error:
            failed.append(f"{what}: {_kind(error)}")
    try:
        if seen:
            call("cloudwatch", "put_metric_data", {"Namespace": watched.namespace, "MetricData": seen})
    except Exception as error:
        failed.append(f"metrics: {_kind(error)}")
    if failed:
        raise LookFailed("; ".join(failed)) from None


def _kind(error: Exception) -> str:
    """Return what went wrong in words that hold nothing of a request or an answer."""
    if isinstance(error, LookFailed):
        return str(error)
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return str(code or type(error).__name__)


def _database(call: Call, name: str, now: float) -> list[dict[str, object]]:
    """Return how far behind the moment is to which a database can be brought back."""
    found = call("rds", "describe_db_instances", {"DBInstanceIdentifier": name})["DBInstances"]
    latest = found[0].get("LatestRestorableTime") if isinstance(found, list) and len(found) == 1 else None
    if not isinstance(latest, datetime.datetime):
        raise LookFailed("no restore time")
    return [_metric("RestoreLagSeconds", max(0.0, now - latest.timestamp()), "Seconds", DBInstanceIdentifier=name)]


def _gateway(call: Call, arn: str, now: float) -> list[dict[str, object]]:
    """Return for how many days more a gateway's software is supported: there is no upgrade in place."""
    said = call("storagegateway", "describe_gateway_information", {"GatewayARN": arn}).get("DeprecationDate")
    days = _FOR_LONG_DAYS
    if said:
        try:
            ends = datetime.date.fromisoformat(str(said)[:10])
        except ValueError:
            raise LookFailed("a date that cannot be read") from None
        days = float((ends - datetime.datetime.fromtimestamp(now, datetime.timezone.utc).date()).days)  # noqa: UP017  as below
    return [_metric("DaysSupported", days, "Count", GatewayId=arn.rpartition("/")[2])]


def _nodes(watched: Watched, call: Call, ask: Get, now: Callable[[], float]) -> list[dict[str, object]]:
    """Return for how long the node has been silent that is so the longest, and how many are more than licensed."""
    key = call("secretsmanager", "get_secret_value", {"SecretId": watched.api_key_secret})["SecretString"]
    nodes, licence = _answered(watched.nodes, str(key), ask)
    at = now()
    silent = max((_silent_s(node, at) for node in nodes), default=0.0)
    return [
        _metric("SecondsUnseen", silent, "Seconds"),
        _metric("NodesOverLicence", float(max(0, len(nodes) - node_limit(licence))), "Count"),
    ]


def _answered(doors: tuple[str, ...], key: str, ask: Get) -> tuple[list[Mapping[str, object]], str]:
    """Return all registered nodes and the licence: every node knows them, so the first that answers will do."""
    ends, failed = time.monotonic() + BUDGET_S, "nobody was asked"
    for door in doors:
        host, _, port = door.rpartition(":")
        try:
            answers = []
            for path in (NODES_PATH, LICENCE_PATH):
                left = min(PATIENCE_S, ends - time.monotonic())
                if left <= 0:
                    raise LookFailed("no time is left")
                headers = {"X-Octopus-ApiKey": key, "Accept": "application/json"}
                answers.append(_document(ask(host, int(port), path, headers, left)))
        except (OSError, http.client.HTTPException, LookFailed) as error:
            failed = f"{door}: {_kind(error)}"
            continue
        found, text = answers[0].get("Nodes"), answers[1].get("LicenseText")
        if not isinstance(found, list):
            failed = f"{door}: an answer without nodes"
            continue
        return [node for node in found if isinstance(node, dict)], text if isinstance(text, str) else ""
    raise LookFailed(failed)


def _document(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        raise LookFailed("an answer that is no JSON") from None
    if not isinstance(found, dict):
        raise LookFailed("an answer of another shape")
    return found


def _silent_s(node: Mapping[str, object], now: float) -> float:
    """Return for how many seconds a node was not seen; one that drains checks in too."""
    seen = node.get("LastSeen")
    if not isinstance(seen, str) or not seen:
        return _NEVER_S
    try:
        at = datetime.datetime.fromisoformat(seen)
    except ValueError:
        raise LookFailed("a time that cannot be read") from None
    at = at if at.tzinfo else at.replace(tzinfo=datetime.timezone.utc)  # noqa: UP017  reads the same in older runtimes
    return max(0.0, now - at.timestamp())


def node_limit(licence: str) -> int:
    """Return how many nodes a licence allows: one where it says nothing, and where there is none."""
    found = _NODE_LIMIT.search(licence)
    if found is None:
        return 1
    return int(found[1]) if found[1].isdigit() else _UNLIMITED


def _metric(name: str, value: float, unit: str, **dimensions: str) -> dict[str, object]:
    named = [{"Name": key, "Value": text} for key, text in dimensions.items()]
    return {"MetricName": name, "Value": value, "Unit": unit, "Dimensions": named}


def get(host: str, port: int, path: str, headers: Mapping[str, str], patience_s: float) -> bytes:
    """Ask a node, without proxies and without following where an answer sends: the key goes to the node alone."""
    connection = http.client.HTTPConnection(host, port, timeout=patience_s)
    ends = time.monotonic() + patience_s
    connection.connect()
    # A node that trickles answers each read in time and never ends: its connection is cut.
    cut = threading.Timer(ends - time.monotonic(), _cut, [connection.sock])
    cut.start()
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise LookFailed(f"HTTP {answer.status}")
        body = answer.read(_LARGEST + 1)
    finally:
        cut.cancel()
        connection.close()
    if len(body) > _LARGEST:
        raise LookFailed("an answer that is too long")
    return body


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)

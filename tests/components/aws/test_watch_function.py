"""The function that publishes what CloudWatch has no metric of: the file that is uploaded, against moto and nodes."""

from __future__ import annotations

import ast
import datetime
import http.server
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import boto3
import botocore.session
import pytest
from moto import mock_aws

from cellctl_components.aws.watching import function
from cellctl_components.aws.watching.function import LookFailed, Watched
from cellctl_components.aws.watching.watcher import CODE, TIMEOUT_S
from cellctl_provider.octopus.licence import node_limit
from cellctl_sandbox.testing.octopus_bench import OctopusBench

REGION, NAMESPACE, KEY = "eu-west-1", "cellctl/cell-acme", "API-SECRET0123456789"
NOW = datetime.datetime(2026, 11, 30, 12, 0, 0, tzinfo=datetime.UTC)
LICENCE = "<License><LicensedTo>Acme</LicensedTo><NodeLimit>{}</NodeLimit></License>"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield boto3.Session(region_name=REGION)


def seen(ago_s: float, name: str = "acme-1", **more: object) -> dict[str, object]:
    return {"Name": name, "LastSeen": (NOW - datetime.timedelta(seconds=ago_s)).isoformat(), **more}


Answers = Mapping[str, tuple[int, object]]


class Node:
    """One node: it answers each path with a status and a document, as bytes if it is no JSON."""

    def __init__(self, answers: Answers) -> None:
        self.asked: list[tuple[str, str | None]] = []
        node = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                node.asked.append((self.path, self.headers.get("X-Octopus-ApiKey")))
                status, body = answers[self.path]
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://example.invalid/")
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def answering(nodes: Sequence[object], licence: str = LICENCE.format(3)) -> Answers:
    return {function.NODES_PATH: (200, {"Nodes": [*nodes]}), function.LICENCE_PATH: (200, {"LicenseText": licence})}


@pytest.fixture
def serve() -> Iterator[Callable[[Answers], Node]]:
    made: list[Node] = []

    def start(answers: Answers) -> Node:
        made.append(Node(answers))
        return made[-1]

    yield start
    for one in made:
        one.close()


class Account:
    """What an account of moto has, and what was published there."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        made = session.client("secretsmanager").create_secret(Name="cells/acme/1/octopus-api-key", SecretString=KEY)
        self.secret = made["ARN"]
        self.lag_s: float | None = 60.0

    def database(self, name: str) -> None:
        self._session.client("rds").create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.m6i.large", Engine="sqlserver-se"
        )

    def call(self, service: str, operation: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        """Ask moto; the time to which a database can be brought back is the test's, because moto's is none."""
        answer = getattr(self._session.client(service), operation)(**parameters)
        if operation == "describe_db_instances":
            for one in answer["DBInstances"]:
                one.pop("LatestRestorableTime", None)
                if self.lag_s is not None:
                    one["LatestRestorableTime"] = NOW - datetime.timedelta(seconds=self.lag_s)
        return answer

    def look(self, watched: Watched, *, rarely: bool = False) -> None:
        function.watch(watched, self.call, function.get, NOW.timestamp, rarely=rarely)

    def published(self, namespace: str = NAMESPACE) -> dict[str, float]:
        client = self._session.client("cloudwatch")
        found = {}
        for metric in client.list_metrics(Namespace=namespace)["Metrics"]:
            data = client.get_metric_statistics(
                Namespace=namespace, MetricName=metric["MetricName"], Dimensions=metric["Dimensions"],
                StartTime=datetime.datetime(2020, 1, 1), EndTime=datetime.datetime(2040, 1, 1), Period=86_400 * 30,
                Statistics=["Maximum"],
            )["Datapoints"]  # fmt: skip
            label = "/".join([metric["MetricName"], *(one["Value"] for one in metric["Dimensions"])])
            found[label] = max(one["Maximum"] for one in data)
        return found


@pytest.fixture
def account(aws: boto3.Session) -> Account:
    return Account(aws)


def told(account: Account, *nodes: str, databases: Sequence[str] = ()) -> Watched:
    return Watched(NAMESPACE, tuple(databases), (), nodes, account.secret if nodes else "")


def test_it_publishes_what_it_sees(account: Account, serve: Callable[[Answers], Node]) -> None:
    account.database("cell-acme-sql")
    node = serve(answering([seen(20), seen(400, "acme-2", IsInMaintenanceMode=True)], LICENCE.format(1)))
    account.look(told(account, node.address, databases=["cell-acme-sql"]))
    assert account.published() == {
        "RestoreLagSeconds/cell-acme-sql": 60.0, "SecondsUnseen": 400.0, "NodesOverLicence": 1.0,
    }  # fmt: skip
    assert node.asked == [(function.NODES_PATH, KEY), (function.LICENCE_PATH, KEY)]
    assert account.published("cellctl/cell-other") == {}


def test_each_host_of_a_reef_has_a_lag_of_its_own(account: Account) -> None:
    for name in ("reef-r1-sql-1", "reef-r1-sql-2"):
        account.database(name)
    account.lag_s = 1200.0
    account.look(told(account, databases=["reef-r1-sql-1", "reef-r1-sql-2"]))
    assert account.published() == {
        "RestoreLagSeconds/reef-r1-sql-1": 1200.0, "RestoreLagSeconds/reef-r1-sql-2": 1200.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("licence", "over"),
    [
        (LICENCE.format(2), 1), (LICENCE.format(3), 0), (LICENCE.format("Unlimited"), 0), (LICENCE.format(" 2\n"), 1),
        ("<License><LicensedTo>Acme</LicensedTo></License>", 2), ("", 2),
    ],
)  # fmt: skip
def test_a_licence_says_how_many_nodes_are_too_many(
    licence: str, over: int, account: Account, serve: Callable[[Answers], Node]
) -> None:
    node = serve(answering([seen(1, f"acme-{n}") for n in range(3)], licence))
    account.look(told(account, node.address))
    assert account.published()["NodesOverLicence"] == over
    assert function.node_limit(licence) == node_limit(licence), "the same licence as provider `cellctl` reads it"


@pytest.mark.parametrize(
    ("node", "silent_s"),
    [
        ({"Name": "a", "LastSeen": "2026-11-30T11:50:00.1234567Z"}, 599.876544),
        ({"Name": "a", "LastSeen": None}, 604_800.0),
        ({"Name": "a"}, 604_800.0), ({"Name": "a", "LastSeen": "2026-11-30T11:50:00"}, 600.0),
        ({"Name": "a", "LastSeen": "2026-11-30T13:00:00+00:00"}, 0.0),
        ({"Name": "a", "LastSeen": "2026-11-30T22:50:00+11:00"}, 600.0),
    ],
)  # fmt: skip
def test_when_a_node_was_seen_is_read_as_octopus_writes_it(
    node: object, silent_s: float, account: Account, serve: Callable[[Answers], Node]
) -> None:
    account.look(told(account, serve(answering([node])).address))
    assert account.published()["SecondsUnseen"] == pytest.approx(silent_s, abs=1e-5)


def refused(status: int, body: object = b"secret words of a server") -> Answers:
    return {function.NODES_PATH: (status, body), function.LICENCE_PATH: (status, body)}


WRONG: dict[str, tuple[Answers, str]] = {
    "an error": (refused(500), "HTTP 500"),
    "a key that is not taken": (refused(401), "HTTP 401"),
    "another place": (refused(302), "HTTP 302"),
    "no json": (refused(200), "an answer that is no JSON"),
    "a list": (refused(200, []), "an answer of another shape"),
    "no nodes": (refused(200, {}), "an answer without nodes"),
    "much": (refused(200, b"x" * 5_000_000), "an answer that is too long"),
    "no time": (answering([{"Name": "a", "LastSeen": "soon"}]), "a time that cannot be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_look_that_fails_publishes_nothing_and_tells_no_secret(
    case: str, account: Account, serve: Callable[[Answers], Node]
) -> None:
    answers, why = WRONG[case]
    account.database("cell-acme-sql")
    with pytest.raises(LookFailed) as failed:
        account.look(told(account, serve(answers).address, databases=["cell-acme-sql"]))
    assert why in str(failed.value)
    assert "secret words" not in str(failed.value)
    assert KEY not in repr(failed.getrepr(showlocals=False))
    assert account.published() == {"RestoreLagSeconds/cell-acme-sql": 60.0}, "the other look goes on"


def test_another_node_is_asked_where_one_does_not_answer(account: Account, serve: Callable[[Answers], Node]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        silent = f"127.0.0.1:{closed.getsockname()[1]}"
    account.look(told(account, silent, serve(refused(503)).address, serve(answering([seen(7)])).address))
    assert account.published() == {"SecondsUnseen": 7.0, "NodesOverLicence": 0.0}


def test_a_secret_that_cannot_be_read_is_no_secret_told(account: Account, serve: Callable[[Answers], Node]) -> None:
    node = serve(answering([seen(7)]))
    gone = Watched(NAMESPACE, (), (), (node.address,), account.secret.replace("acme", "other"))
    with pytest.raises(LookFailed, match=r"^nodes: ResourceNotFoundException$"):
        account.look(gone)
    assert node.asked == []


def test_a_database_that_is_gone_or_has_no_backups_is_told(account: Account) -> None:
    account.database("cell-acme-sql")
    account.lag_s = None
    with pytest.raises(LookFailed) as failed:
        account.look(told(account, databases=["cell-acme-sql", "cell-gone-sql"]))
    assert str(failed.value) == "database cell-acme-sql: no restore time; database cell-gone-sql: DBInstanceNotFound"
    assert account.published() == {}


GATEWAY = "arn:aws:storagegateway:eu-west-1:123456789012:gateway/sgw-1"


@pytest.mark.parametrize(
    ("date", "days"), [("2027-03-30T00:00:00Z", 120.0), ("2026-06-30", -153.0), ("", 3650.0), (None, 3650.0)]
)
def test_a_gateway_says_until_when_it_is_supported(date: str | None, days: float, account: Account) -> None:
    """moto knows no Storage Gateway: the answer is of the shape that botocore's model has."""
    shape = botocore.session.get_session().get_service_model("storagegateway")
    members = shape.operation_model("DescribeGatewayInformation").output_shape.members  # type: ignore[union-attr]
    assert "DeprecationDate" in members
    asked: list[Mapping[str, object]] = []

    def call(service: str, operation: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        if service == "storagegateway":
            asked.append({"operation": operation, **parameters})
            return {} if date is None else {"DeprecationDate": date}
        return account.call(service, operation, parameters)

    watched = Watched(NAMESPACE, (), (GATEWAY,), (), "")
    function.watch(watched, call, function.get, NOW.timestamp, rarely=False)
    assert (asked, account.published()) == ([], {}), "it is not looked at every minute"
    function.watch(watched, call, function.get, NOW.timestamp, rarely=True)
    assert asked == [{"operation": "describe_gateway_information", "GatewayARN": GATEWAY}]
    assert account.published() == {"DaysSupported/sgw-1": days}


def test_metrics_that_are_refused_are_told(account: Account, serve: Callable[[Answers], Node]) -> None:
    def refusing(service: str, operation: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        if service == "cloudwatch":
            raise RuntimeError(f"AccessDenied with {parameters}")
        return account.call(service, operation, parameters)

    with pytest.raises(LookFailed, match=r"^metrics: RuntimeError$"):
        function.watch(
            told(account, serve(answering([seen(1)])).address), refusing, function.get, NOW.timestamp, rarely=False
        )


def trickling(stop: threading.Event, server: socket.socket) -> None:
    """Answer with one byte of a header now and then: each read is in time, and there is no end."""
    while not stop.is_set():
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
                while not stop.wait(0.05):
                    connection.sendall(b"a")
            except OSError:
                continue


def test_nodes_that_do_not_end_are_left_in_time(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "PATIENCE_S", 0.4)
    monkeypatch.setattr(function, "BUDGET_S", 1.0)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickling, args=(stop, server))
        thread.start()
        door, begun = f"127.0.0.1:{server.getsockname()[1]}", time.monotonic()
        with pytest.raises(LookFailed, match="nodes: "):
            account.look(told(account, *[door] * 8))
        lasted = time.monotonic() - begun
        stop.set()
    thread.join()
    assert lasted < 3.0, "eight nodes share one budget"
    assert account.published() == {}


def test_all_calls_together_end_before_lambda_ends_them() -> None:
    """Connect and read, twice each with a pause between (`handler`): the database, the key, the metrics; and nodes."""
    of_aws = 2 * (2 + 3) + 1
    assert function.BUDGET_S + function.PATIENCE_S + 3 * of_aws < TIMEOUT_S


def test_the_nodes_of_the_sandbox_are_seen(account: Account, tmp_path: Path) -> None:
    """Users, keys, nodes and check-ins as the stand-in keeps them, over HTTP."""
    bench = OctopusBench(tmp_path, cloud="aws")
    try:
        bench.set_up()
        key = bench.secret(bench.reference("api-key"))

        def call(service: str, operation: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
            if service == "secretsmanager":
                return {"SecretString": key}
            return account.call(service, operation, parameters)

        def ask(host: str, port: int, path: str, headers: Mapping[str, str], patience_s: float) -> bytes:
            route = bench.dialer.route(host, port)
            return function.get(route.host, route.port, path, headers, patience_s)

        def now() -> float:
            return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp() + bench.now()

        nodes = [f"{node.address}:8080" for node in bench.found]
        watched = Watched(NAMESPACE, (), (), tuple(nodes), "arn")
        function.watch(watched, call, ask, now, rarely=False)
        assert account.published() == {"SecondsUnseen": 0.0, "NodesOverLicence": 1.0}, "no licence is installed"
        bench.api("PUT", function.LICENCE_PATH, {"LicenseText": LICENCE.format(2)}, **{"X-Octopus-ApiKey": key})
        bench.found.pop()
        bench.view.sleep(900.0)
        function.watch(Watched("cellctl/later", (), (), tuple(nodes), "arn"), call, ask, now, rarely=False)
        assert account.published("cellctl/later") == {"SecondsUnseen": 900.0, "NodesOverLicence": 0.0}
    finally:
        bench.close()


def test_lambda_calls_it_with_names_alone(
    aws: boto3.Session, monkeypatch: pytest.MonkeyPatch, serve: Callable[[Answers], Node]
) -> None:
    """The entry point: its environment, its own clients and clock; moto tells no restore time of a new instance."""
    account = Account(aws)
    node = serve(answering([{"Name": "a", "LastSeen": datetime.datetime.now(datetime.UTC).isoformat()}]))
    for name, value in {"NAMESPACE": NAMESPACE, "NODES": node.address, "API_KEY_SECRET": account.secret}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASES", raising=False)
    function.handler({}, None)
    published = account.published()
    assert published["SecondsUnseen"] < 60
    assert published["NodesOverLicence"] == 0


def test_what_is_uploaded_needs_nothing_but_the_runtime() -> None:
    tree = ast.parse(CODE.read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert imported - {*sys.stdlib_module_names} == {"botocore"}
    assert not CODE.read_text(encoding="utf-8").count("print("), "nothing is logged but failures"

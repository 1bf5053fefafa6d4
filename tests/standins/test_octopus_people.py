"""Octopus in the sandbox as its users meet it: sign-in, keys, service accounts, licence, tasks, versions, hostility."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cellctl_sandbox.standins.octopus import people
from cellctl_sandbox.testing.octopus_bench import HOST, NEW, PASSWORD, OctopusBench

HOSTILE = [b"", b"[]", b"null", b"\xff\xfe", b'{"Username": 1}', b"[" * 100_000, b'{"Purpose": {"a": 1}}']


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[OctopusBench]:
    made = OctopusBench(tmp_path, cloud="azure")
    yield made
    made.close()


@pytest.fixture
def client(bench: OctopusBench) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=bench.route(1).url, verify=bench.trust(), trust_env=False) as made:
        yield made


def ask(client: httpx.Client, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
    raw = {"content": body} if isinstance(body, bytes) else {"json": body}
    return client.request(method, path, headers=headers, extensions={"sni_hostname": HOST}, **raw)


def sign_in(client: httpx.Client, password: str = PASSWORD) -> httpx.Response:
    return ask(client, "POST", "/api/users/login", {"Username": "Admin", "Password": password})


def csrf(client: httpx.Client) -> dict[str, str]:
    return {"X-Octopus-Csrf-Token": client.cookies.get(people.CSRF_COOKIE) or ""}


def test_a_session_reads_with_its_cookie_and_changes_with_its_csrf_token_only(client: httpx.Client) -> None:
    assert ask(client, "GET", "/api/users/me").status_code == 401
    assert sign_in(client, "guess").status_code == 400
    assert sign_in(client).status_code == 200
    assert ask(client, "GET", "/api/users/me").json()["Username"] == "admin"
    robot = {"Username": "robot", "DisplayName": "Robot", "IsService": True}
    assert ask(client, "POST", "/api/users", robot).status_code == 401
    assert ask(client, "POST", "/api/users", robot, **{"X-Octopus-Csrf-Token": "guess"}).status_code == 401
    assert ask(client, "POST", "/api/users", robot, **csrf(client)).status_code == 201
    assert ask(client, "POST", "/api/users", robot, **csrf(client)).status_code == 400


def test_a_key_is_shown_once_and_opens_no_more_than_its_owner_may(client: httpx.Client) -> None:
    sign_in(client)
    made = ask(client, "POST", "/api/users", {"Username": "r", "DisplayName": "R", "IsService": True}, **csrf(client))
    path = f"/api/users/{made.json()['Id']}/apikeys"
    shown = ask(client, "POST", path, {"Purpose": "tests"}, **csrf(client)).json()
    listed = ask(client, "GET", path).json()["Items"]
    assert [item["Id"] for item in listed] == [shown["Id"]]
    assert shown["ApiKey"] not in repr(listed)
    client.cookies.clear()
    key = {"X-Octopus-ApiKey": shown["ApiKey"]}
    assert ask(client, "GET", "/api/users/me", **key).status_code == 200
    assert ask(client, "GET", "/api/octopusservernodes/summary", **key).status_code == 403
    assert ask(client, "GET", "/api/users/me", **{"X-Octopus-ApiKey": shown["ApiKey"][:-1]}).status_code == 401


def test_a_service_account_does_not_sign_in_and_the_last_administrator_stays(client: httpx.Client) -> None:
    sign_in(client)
    team = ask(client, "GET", "/api/teams/teams-administrators").json()
    empty = team | {"MemberUserIds": []}
    assert ask(client, "PUT", "/api/teams/teams-administrators", empty, **csrf(client)).status_code == 400
    robot = {"Username": "r", "DisplayName": "R", "IsService": True}
    ask(client, "POST", "/api/users", robot, **csrf(client))
    client.cookies.clear()
    assert ask(client, "POST", "/api/users/login", {"Username": "r", "Password": ""}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/users/login"), ("POST", "/api/users"), ("PUT", "/api/users/Users-1"),
        ("POST", "/api/users/Users-1/apikeys"), ("PUT", "/api/teams/teams-administrators"),
        ("PUT", "/api/licenses/licenses-current"), ("POST", "/api/tasks"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_good_are_refused_and_change_nothing(client: httpx.Client, method: str, path: str) -> None:
    sign_in(client)
    token = csrf(client)
    for body in HOSTILE:
        assert ask(client, method, path, body, **token).status_code == 400, body[:20]
    assert [item["Username"] for item in ask(client, "GET", "/api/users/all").json()] == ["admin"]


@pytest.mark.parametrize("path", ["/api/users/../users/all", "/api/users/Users-1/apikeys/'; --", "/api/users/Users-99"])
def test_paths_that_name_nothing_are_404(client: httpx.Client, path: str) -> None:
    sign_in(client)
    assert ask(client, "DELETE", path, **csrf(client)).status_code in (404, 405)


def test_tasks_run_on_nodes_with_room_one_after_another(client: httpx.Client, bench: OctopusBench) -> None:
    sign_in(client)
    with bench.cluster.moment("acme") as moment:
        for row in moment.rows():
            moment.change(row.id, draining=row.name == "acme-2", cap=1)
    for _ in range(2):
        body = {"Name": "Deploy", "Arguments": {"SandboxSeconds": 60}}
        assert ask(client, "POST", "/api/tasks", body, **csrf(client)).status_code == 201
    states = [item["State"] for item in ask(client, "GET", "/api/tasks").json()["Items"]]
    assert states == ["Queued", "Executing"]
    bench.view.sleep(61.0)
    found = ask(client, "GET", "/api/tasks?states=Executing&node=OctopusServerNodes-acme-1").json()["Items"]
    assert [item["Id"] for item in found] == ["ServerTasks-2"]
    assert ask(client, "POST", "/api/tasks/ServerTasks-2/cancel", **csrf(client)).json()["State"] == "Canceled"


def test_a_task_whose_node_is_stopped_under_it_fails(bench: OctopusBench) -> None:
    with bench.cluster.moment("acme") as moment:
        moment.change("OctopusServerNodes-acme-1", draining=False, cap=1)
        moment.add_task("Deploy", 500.0)
        moment.command(bench.found[0], running=False, version="", seconds=1.0)
    bench.view.sleep(2.0)
    with bench.cluster.moment("acme") as moment:
        assert [task.state for task in moment.tasks()] == ["Failed"]


def test_two_versions_at_once_damage_the_database_and_an_old_node_does_not_start_again(bench: OctopusBench) -> None:
    with bench.cluster.moment("acme") as moment:
        moment.command(bench.found[0], running=True, version=NEW, seconds=1.0)
        moment.command(bench.found[1], running=False, version="", seconds=1.0)
    bench.view.sleep(2.0)
    assert bench.versions() == {"acme-1": NEW}
    with bench.cluster.moment("acme") as moment:
        assert not moment.damaged
        moment.command(bench.found[1], running=True, version="", seconds=1.0)
    bench.view.sleep(2.0)
    assert bench.versions() == {"acme-1": NEW}  # older than the schema: it does not start
    assert bench.dialer.route("10.64.2.21", 443).url == ""


def test_another_database_knows_nobody(bench: OctopusBench, client: httpx.Client) -> None:
    assert sign_in(client).status_code == 200
    for ordinal in (1, 2):
        bench.age(ordinal, store="db-2")
    assert ask(client, "GET", "/api/users/me").status_code == 401
    assert sign_in(client).status_code == 200

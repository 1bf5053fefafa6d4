"""`cellctl:octopus:Administrator`: one administrator, one service account, one key, however often a run is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cellctl.state.values import Struct
from cellctl_provider.protocol import Check, Create, Diff, ProviderError
from cellctl_sandbox.testing.octopus_bench import PASSWORD, OctopusBench

TYPE = "cellctl:octopus:Administrator"
LICENCE = "<License><NodeLimit>{}</NodeLimit></License>"


@pytest.fixture(params=["aws", "azure"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OctopusBench]:
    made = OctopusBench(tmp_path, cloud=request.param)
    yield made
    made.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[OctopusBench]:
    made = OctopusBench(tmp_path, cloud="azure")
    yield made
    made.close()


def make(bench: OctopusBench, **changed: object) -> Struct:
    return bench.create("Administrator", "administrator", bench.administrator(**changed))


def key(bench: OctopusBench) -> str:
    return bench.secret(bench.reference("api-key"))


def kept(bench: OctopusBench, kind: str) -> list[Struct]:
    with bench.cluster.moment("acme") as moment:
        return moment.all(kind)


def people(bench: OctopusBench) -> dict[str, Struct]:
    found = bench.api("GET", "/api/users/all", **{"X-Octopus-ApiKey": key(bench)}).json()
    return {item["Username"]: item for item in found}


def test_the_key_goes_into_the_secret_store_and_opens_the_api(bench: OctopusBench) -> None:
    outputs = make(bench)
    assert key(bench).startswith("API-")
    me = bench.api("GET", "/api/users/me", **{"X-Octopus-ApiKey": key(bench)})
    assert me.json()["Id"] == outputs["serviceAccountId"]
    assert {name: item["IsService"] for name, item in people(bench).items()} == {"admin": False, "cellctl": True}
    assert outputs["userId"] == people(bench)["admin"]["Id"]


def test_no_output_and_no_stored_document_of_octopus_holds_a_secret(bench: OctopusBench) -> None:
    outputs = make(bench)
    with bench.cluster.moment("acme") as moment:
        documents = repr([moment.all(kind) for kind in ("user", "key", "session", "node")])
    for secret in (key(bench), key(bench)[8:], PASSWORD):
        assert secret not in repr(outputs)
        assert secret not in documents


def test_a_second_run_makes_nothing_new(bench: OctopusBench) -> None:
    first = make(bench)
    before = key(bench)
    assert make(bench) == first
    assert key(bench) == before
    assert len(kept(bench, "key")) == 1


@pytest.mark.parametrize(
    "call",
    [
        "POST /api/users/login", "GET /api/users/all", "POST /api/users", "PUT /api/teams/*", "POST */apikeys",
        "PutSecretValue", "GET /api/users/me",
    ],
)  # fmt: skip
def test_cut_off_at_any_call_and_run_again_there_is_one_of_each(tmp_path: Path, call: str) -> None:
    bench = OctopusBench(tmp_path, cloud="aws")
    bench.kill.at = call
    if call == "GET /api/users/me":
        make(bench)  # the first run asks no key who it is
        bench.kill.at = call
    with pytest.raises(ProviderError):
        make(bench)
    bench.kill.dead = False
    outputs = make(bench)
    assert [user["username"] for user in kept(bench, "user")] == ["admin", "cellctl"]
    assert [item["id"] for item in kept(bench, "key")] == [outputs["keyId"]]
    assert bench.api("GET", "/api/users/all", **{"X-Octopus-ApiKey": key(bench)}).status_code == 200
    bench.close()


def test_it_waits_until_the_first_node_answers(bench: OctopusBench) -> None:
    bench.age(1, up_from_s=1200.0)
    make(bench)
    assert 1200 <= bench.now() <= 1230


def test_name_and_email_change_in_place_and_the_id_stays(bench: OctopusBench) -> None:
    before = make(bench)
    olds = bench.administrator() | before
    after = bench.update(
        "Administrator", "administrator", olds, bench.administrator(username="root", email="ops@example.com")
    )
    assert after["userId"] == before["userId"]
    assert people(bench)["root"]["EmailAddress"] == "ops@example.com"
    assert "admin" not in people(bench)


def test_the_name_of_somebody_else_is_refused(one: OctopusBench) -> None:
    before = make(one)
    headers = {"X-Octopus-ApiKey": key(one)}
    one.api("POST", "/api/users", {"Username": "maria", "DisplayName": "Maria"}, **headers)
    with pytest.raises(ProviderError, match="another user") as refused:
        one.update("Administrator", "administrator", one.administrator() | before, one.administrator(username="maria"))
    assert refused.value.code == "conflict"


def test_a_changed_password_matters_only_when_there_is_no_key(one: OctopusBench) -> None:
    outputs = make(one)
    one.put_secret("administrator", "another-Password-1")
    assert make(one) == outputs
    one.put_secret("api-key", "API-LOST")
    with pytest.raises(ProviderError, match="it was changed") as refused:
        make(one)
    assert refused.value.code == "auth"
    assert PASSWORD not in str(refused.value)
    one.put_secret("administrator", PASSWORD)
    make(one)
    assert len(kept(one, "key")) == 1


def test_a_person_of_the_service_accounts_name_is_not_taken_over(one: OctopusBench) -> None:
    make(one, serviceAccount="other")
    headers = {"X-Octopus-ApiKey": key(one)}
    one.api("POST", "/api/users", {"Username": "cellctl", "DisplayName": "Cell"}, **headers)
    one.put_secret("api-key", "nothing")
    with pytest.raises(ProviderError, match="is a person"):
        make(one)


def test_the_licence_is_installed_and_its_limit_known(bench: OctopusBench) -> None:
    bench.put_secret("licence", LICENCE.format(3))
    outputs = make(bench, licenceSecret=bench.reference("licence"))
    assert outputs["nodeLimit"] == 3
    found = bench.api("GET", "/api/licenses/licenses-current", **{"X-Octopus-ApiKey": key(bench)}).json()
    assert found["LicenseText"] == LICENCE.format(3)
    assert "NodeLimit" not in repr(outputs)


@pytest.mark.parametrize(("text", "limit"), [("<License></License>", 1), (LICENCE.format("Unlimited"), 1_000_000)])
def test_a_licence_that_names_no_limit_allows_one_node(one: OctopusBench, text: str, limit: int) -> None:
    one.put_secret("licence", text)
    assert make(one, licenceSecret=one.reference("licence"), nodes=1)["nodeLimit"] == limit


def test_more_nodes_than_the_licence_allows_are_refused_before_it_is_installed(one: OctopusBench) -> None:
    one.put_secret("licence", LICENCE.format(1))
    with pytest.raises(ProviderError, match="allows 1 nodes, and the cell has 2") as refused:
        make(one, licenceSecret=one.reference("licence"))
    assert refused.value.code == "quota"
    assert not one.kill.calls or "PUT /api/licenses/licenses-current" not in one.kill.calls


def test_a_licence_that_is_not_there_yet_says_where_to_put_it(bench: OctopusBench) -> None:
    with pytest.raises(ProviderError, match="put it there, then run again") as missing:
        make(bench, licenceSecret=bench.reference("licence"))
    assert missing.value.code == "not_found"


def test_deletion_closes_the_account_and_the_next_one_opens_it(bench: OctopusBench) -> None:
    outputs = make(bench)
    dead = key(bench)
    bench.delete("Administrator", str(outputs["serviceAccountId"]), bench.administrator() | outputs)
    assert bench.api("GET", "/api/users/me", **{"X-Octopus-ApiKey": dead}).status_code == 401
    again = make(bench)
    assert again["serviceAccountId"] == outputs["serviceAccountId"]
    assert len(kept(bench, "key")) == 1
    assert key(bench) != dead


def test_deletion_of_a_cell_whose_nodes_are_gone_succeeds(bench: OctopusBench) -> None:
    outputs = make(bench)
    bench.found.clear()
    bench.delete("Administrator", str(outputs["serviceAccountId"]), bench.administrator() | outputs)
    assert key(bench).startswith("API-")


def test_read_tells_gone_from_unreachable_and_sees_drift(bench: OctopusBench) -> None:
    outputs = make(bench)
    state = bench.administrator() | outputs
    who = str(outputs["serviceAccountId"])
    assert bench.read("Administrator", "administrator", state, id=who) == state
    user = people(bench)["admin"]
    headers = {"X-Octopus-ApiKey": key(bench)}
    bench.api("PUT", f"/api/users/{user['Id']}", user | {"EmailAddress": "other@example.com"}, **headers)
    found = bench.read("Administrator", "administrator", state, id=who)
    assert found is not None
    assert found["email"] == "other@example.com"
    bench.found.clear()
    with pytest.raises(ProviderError) as down:
        bench.read("Administrator", "administrator", state, id=who)
    assert down.value.code == "unreachable"


def test_check_diff_and_preview_connect_nowhere(bench: OctopusBench) -> None:
    provider, inputs = bench.provider(), bench.administrator()
    bench.kill.calls.clear()  # those of the bench itself
    checked = provider.check(Check(urn=bench.urn("Administrator", "a"), type=TYPE, olds={}, news=inputs))
    assert checked.failures == ()
    request = Diff(
        urn=bench.urn("Administrator", "a"), type=TYPE, id="x", olds={}, old_inputs=inputs,
        news=bench.administrator(username="root"),
    )  # fmt: skip
    assert provider.diff(request).replaces == ()
    made = provider.create(Create(urn=bench.urn("Administrator", "a"), type=TYPE, properties=inputs, preview=True))
    assert made.id == ""
    assert bench.kill.calls == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"passwordSecret": "hunter2"},
        {"apiKeySecret": "API-123"},
        {"scheme": "ftp"},
        {"serviceAccount": "admin"},
        {"email": "nobody"},
        {"username": ""},
    ],
)
def test_wrong_inputs_are_refused(one: OctopusBench, wrong: dict[str, object]) -> None:
    request = Check(urn=one.urn("Administrator", "a"), type=TYPE, olds={}, news=one.administrator(**wrong))
    assert one.provider().check(request).failures

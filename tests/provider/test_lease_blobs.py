"""Leases beside the states in a container of Azure, against a stand-in: written only over what was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from cellctl.errors import EngineError, Locked
from cellctl.home import Home
from cellctl.leases import Holder, ObjectLeases
from cellctl.run import registering
from cellctl_provider.azure.objects import BlobObjects, open_objects
from cellctl_sandbox.standins.blobs import Blobs
from cellctl_sandbox.standins.web import Listener, Request, Response, json_response

SUBSCRIPTION, CLIENT = "11111111-2222-4333-8444-555555555555", "22222222-3333-4444-8555-666666666666"


class Account:
    """A storage account on loopback, who signs in to it, and the identity service that says who they are."""

    def __init__(self) -> None:
        self.blobs = Blobs("states", tokens={"token-1", "token-2"})
        self.serving = Listener(self._answer)
        self.url, self.signed_in = f"http://127.0.0.1:{self.serving.port}", 0

    def sign_in(self, _client: httpx.Client) -> str:
        self.signed_in += 1
        return f"token-{self.signed_in}"

    def objects(self, folder: str = "states/.cellctl/leases") -> BlobObjects:
        return BlobObjects(f"{self.url}/{folder}", self.sign_in)

    def _answer(self, request: Request) -> Response:
        if request.path.endswith("/oauth2/v2.0/token"):
            proven = b"client_assertion=proof" in request.body and CLIENT.encode() in request.body
            return json_response({"access_token": "token-1"}) if proven else Response(status=401)
        return self.blobs.answer(replace(request, path=request.path.removeprefix("/stprod")))

    def close(self) -> None:
        self.serving.close()


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account()
    yield made
    made.close()


def test_what_somebody_else_has_written_meanwhile_is_not_overwritten(account: Account) -> None:
    one, other = account.objects(), account.objects()
    assert one.read("acme.json").tag == ""
    assert one.write("acme.json", b"1", over="")
    assert not other.write("acme.json", b"2", over="")
    seen = other.read("acme.json")
    assert seen.data == b"1"
    assert one.write("acme.json", b"3", over=seen.tag)
    assert not other.write("acme.json", b"4", over=seen.tag)
    assert one.read("acme.json").data == b"3"


def test_a_lease_is_one_blob_for_each_stack_and_goes_round(account: Account) -> None:
    here, there = (ObjectLeases(account.objects("states/team/.cellctl/leases")) for _ in range(2))
    lease = here.acquire("acme", Holder.current(command="cellctl up acme"))
    with pytest.raises(Locked, match="cellctl up acme"):
        there.acquire("acme", Holder.current())
    here.check(here.heartbeat(lease))
    here.release(lease)
    assert there.acquire("acme", Holder.current()).token == 2
    assert there.acquire("reef/r1", Holder.current()).token == 1
    assert sorted(account.blobs.blobs) == [
        f"states/team/.cellctl/leases/{name}.json" for name in ("acme", "reef/r1")
    ]  # fmt: skip


def test_a_token_that_ended_is_made_anew_and_one_that_is_refused_is_said(account: Account) -> None:
    store = account.objects()
    store.write("acme.json", b"1", over="")
    account.blobs.tokens.remove("token-1")
    assert (store.read("acme.json").data, account.signed_in) == (b"1", 2)
    account.blobs.tokens.clear()
    with pytest.raises(EngineError, match="cannot be asked: AuthenticationFailed") as refused:
        store.read("acme.json")
    assert (refused.value.code, "token" in str(refused.value)) == ("leases_unreachable", False)


def test_a_container_that_is_not_there_or_holds_something_else_is_one_sentence(account: Account) -> None:
    with pytest.raises(EngineError, match="cannot be asked: ContainerNotFound"):
        ObjectLeases(account.objects("nowhere/x")).acquire("acme", Holder.current())
    store = account.objects()
    store.write("acme.json", b"[]", over="")
    with pytest.raises(EngineError, match="not what cellctl writes"):
        ObjectLeases(store).current("acme")
    with pytest.raises(EngineError, match="does not say in which storage account"):
        open_objects("azblob://states", account=SUBSCRIPTION, role=CLIENT)


def test_a_real_account_has_its_leases_there_asked_with_the_callers_identity(account: Account, tmp_path: Path) -> None:
    where = f"domain={account.url.removeprefix('http://')}&protocol=http&localemu=true"
    (tmp_path / "cellctl.yaml").write_text(
        "apiVersion: cellctl/v1\nkind: Home\naccounts:\n"
        f'  prod: {{cloud: azure, id: "{SUBSCRIPTION}", tenant: "{SUBSCRIPTION}", administrators: "{CLIENT}",'
        f' state: "azblob://states?storage_account=stprod&{where}", apply: {{role: "{CLIENT}"}}}}\n'
    )
    (tmp_path / "assertion").write_text("proof\n")
    home = Home(tmp_path)
    prod = home.settings.accounts["prod"]
    environment = {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "assertion"), "AZURE_AUTHORITY_HOST": account.url}
    with registering.opened(home) as database:
        lease = registering.leases_of(home, prod, database, environment=environment).acquire("acme", Holder.current())
    held = registering.current_lease(home, prod, "acme", environment=environment)
    assert held is not None
    assert held.token == lease.token
    assert list(account.blobs.blobs) == ["states/.cellctl/leases/acme.json"]
    with pytest.raises(EngineError, match="AZURE_FEDERATED_TOKEN_FILE is not set"):
        registering.current_lease(home, prod, "acme")

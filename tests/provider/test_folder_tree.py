"""`cellctl:files:FolderTree` against a real SMB server (Samba) and against the sandbox's Azure Files."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from samba_server import Samba, running

from cellctl.dialer import Route
from cellctl_provider.protocol import (
    Check,
    Configure,
    Create,
    Delete,
    Diff,
    Provider,
    ProviderError,
    Read,
    Update,
)
from cellctl_provider.provider import CellctlProviderFactory
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.azure_files import Accounts, AzureFilesStandin
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.dialer import SandboxDialer
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.run_command import ResourceManagerStandin, Runs
from cellctl_sandbox.testing.gateway_bench import TOKEN, BenchCredentials, ObjectsInMemory, PlainSeal

TYPE = "cellctl:files:FolderTree"
URN = f"urn:pulumi:cell-acme::octopus-cells::cells:azure:FileShares${TYPE}::acme-files-tree"
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/stacme"
HOST = "stacme.file.core.windows.net"
KEY = base64.b64encode(os.urandom(64)).decode()
INPUTS = {"host": HOST, "account": ACCOUNT, "folders": ["artifacts", "packages", "packages/feed/nuget"]}


class World:
    """An account of the sandbox with two shares; its files are where `port` says, the stand-in's for 0."""

    def __init__(self, folder: Path) -> None:
        self.view = ObjectsInMemory()
        self.accounts = Accounts(Documents(folder / "files.db", "files", seal=PlainSeal()), self.view)
        self.view.put(CloudObject(type="azure-native:storage:StorageAccount", id=ACCOUNT, properties={}))
        for name in ("packages", "artifacts"):
            id_ = f"{ACCOUNT}/fileServices/default/shares/{name}"
            self.view.put(CloudObject(type="azure-native:storage:FileShare", id=id_, properties={}))
        self.port = 0
        self.key: str | None = None
        self.waited: list[float] = []
        self.asked = 0
        authority = Authority()
        runs = Runs(Documents(folder / "runs.db", "runs"), None)  # type: ignore[arg-type]  # no machine is asked
        self.dialer = SandboxDialer(
            [
                ResourceManagerStandin(runs, authority, authorized=lambda token: token == TOKEN, keys=self._keys),
                AzureFilesStandin(self.accounts),
            ]
        )

    def route(self, name: str, port: int) -> Route:
        return Route(host="127.0.0.1", port=self.port) if self.port and port == 445 else self.dialer.route(name, port)

    def provider(self) -> Provider:
        made = CellctlProviderFactory(dialer=self, sleep=self.waited.append, credentials=lambda _: BenchCredentials())()
        made.configure(Configure(urn="", name="cellctl", type="", id="", variables={}, args={}))
        return made

    def _keys(self, account: str) -> tuple[str, str] | None:
        self.asked += 1
        return (self.key, "") if self.key else self.accounts.keys_of(account)

    def files(self, share: str) -> dict[str, bytes]:
        found = self.accounts.by_name("stacme")
        assert found is not None
        there = self.accounts.share(found, share)
        assert there is not None
        return self.accounts.files(there)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.dialer.close()


def create(provider: Provider, **more: object) -> Mapping[str, object]:
    checked = provider.check(Check(urn=URN, type=TYPE, olds={}, news=INPUTS | more))
    assert checked.failures == ()
    return provider.create(Create(urn=URN, type=TYPE, properties=checked.inputs)).properties


def there(world: World, state: Mapping[str, object]) -> object:
    inputs = {key: value for key, value in state.items() if key != "proven"}
    found = world.provider().read(Read(urn=URN, type=TYPE, id=HOST, properties=dict(state), inputs=inputs))
    assert found is not None
    return found.inputs["folders"]


def test_folders_are_made_and_used_as_nodes_use_them_and_nothing_of_that_stays(world: World) -> None:
    state = create(world.provider())
    assert state["proven"] == ["artifacts", "packages", "packages/feed/nuget"]
    assert world.files("packages") == {"feed/": b"", "feed/nuget/": b""}
    assert world.files("artifacts") == {}
    key = world.accounts.keys_of(ACCOUNT)
    assert key is not None
    assert key[0] not in repr(state)
    assert there(world, state) == INPUTS["folders"]


def test_an_update_makes_what_is_new_and_removes_nothing_and_neither_does_deletion(world: World) -> None:
    provider = world.provider()
    old = dict(create(provider))
    new = {"host": HOST, "account": ACCOUNT, "folders": ["packages/other"]}
    changed = provider.diff(Diff(urn=URN, type=TYPE, id=HOST, olds=old, old_inputs=INPUTS, news=new))
    assert (changed.diffs, changed.replaces) == (("folders",), ())
    moved = provider.diff(
        Diff(urn=URN, type=TYPE, id=HOST, olds=old, old_inputs=INPUTS, news=INPUTS | {"host": f"x{HOST}"})
    )
    assert moved.replaces == ("host",)
    state = provider.update(Update(urn=URN, type=TYPE, id=HOST, olds=old, old_inputs=INPUTS, news=new)).properties
    assert state["proven"] == ["packages/other"]
    provider.delete(Delete(urn=URN, type=TYPE, id=HOST, properties=state))
    assert set(world.files("packages")) == {"feed/", "feed/nuget/", "other/"}


def test_refresh_tells_folders_that_are_gone_and_never_calls_a_server_gone_that_it_cannot_reach(world: World) -> None:
    state = create(world.provider())
    account = world.accounts.by_name("stacme")
    assert account is not None
    share = world.accounts.share(account, "packages")
    assert share is not None
    world.accounts.put(share, "feed/nuget/", None)
    assert there(world, state) == ["artifacts", "packages"]
    world.view.remove(share.type, share.id)
    assert there(world, state) == ["artifacts"]
    world.port = 1
    with pytest.raises(ProviderError, match=f"{HOST} cannot be reached") as lost:
        there(world, state)
    assert lost.value.code == "unreachable"


def test_a_share_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(ProviderError, match=r"share imports of .* there is no such share") as refused:
        create(world.provider(), folders=["imports"])
    assert (refused.value.code, world.waited) == ("not_found", [])


def test_a_name_that_does_not_lead_there_everywhere_yet_is_waited_for(world: World) -> None:
    world.port, sleep = 1, world.waited.append

    def known(seconds: float) -> None:
        sleep(seconds)
        world.port = 0 if len(world.waited) == 3 else 1

    provider = CellctlProviderFactory(dialer=world, sleep=known, credentials=lambda _: BenchCredentials())()
    provider.configure(Configure(urn="", name="cellctl", type="", id="", variables={}, args={}))
    assert create(provider)["proven"] == INPUTS["folders"]
    assert world.waited == [15, 15, 15]
    world.port = 1
    with pytest.raises(ProviderError, match=f"the use of the shares .*{HOST} cannot be reached"):
        create(world.provider())
    assert sum(world.waited) == 45 + 300


def test_who_has_the_wrong_key_is_told_so_at_once(world: World) -> None:
    world.key = KEY
    with pytest.raises(ProviderError, match="it does not take the user") as refused:
        create(world.provider())
    assert (refused.value.code, world.waited) == ("auth", [])
    assert KEY not in str(refused.value)


def test_an_account_that_takes_no_keys_takes_nobody(world: World) -> None:
    closed = CloudObject(
        type="azure-native:storage:StorageAccount", id=ACCOUNT, properties={"allowSharedKeyAccess": False}
    )
    world.view.put(closed)
    with pytest.raises(ProviderError, match="it does not take the user"):
        create(world.provider())


WRONG: Mapping[str, tuple[dict[str, object], str]] = {
    "both": ({"secret": "arn:aws:secretsmanager:x"}, "give account, or secret"),
    "neither": ({"account": None}, "give account, or secret"),
    "no account": ({"account": "stacme"}, "is the id of a storage account"),
    "no folder": ({"folders": []}, "name one at least"),
    "a way out": ({"folders": ["packages/../artifacts"]}, "letters, digits"),
    "a backslash": ({"folders": ["packages\\x"]}, "letters, digits"),
}


@pytest.mark.parametrize("case", WRONG)
def test_inputs_that_mean_nothing_are_refused(world: World, case: str) -> None:
    more, why = WRONG[case]
    failures = world.provider().check(Check(urn=URN, type=TYPE, olds={}, news=INPUTS | more)).failures
    assert any(why in failure.reason for failure in failures)


@pytest.fixture
def samba(tmp_path: Path) -> Iterator[Callable[..., Samba]]:
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(running(tmp_path / "samba", "stacme", KEY, **more))


@pytest.mark.needs("samba")
class TestSamba:
    """The same over the wire that Azure Files speaks: SMB 3.1.1, NTLMv2, sealed with AES-GCM."""

    def test_it_makes_folders_uses_them_and_leaves_what_was_there(
        self, world: World, samba: Callable[..., Samba]
    ) -> None:
        server = samba()
        world.port, world.key = server.port, KEY
        (server.share("artifacts") / "kept.txt").write_text("of a customer")
        provider = world.provider()
        state = create(provider)
        assert state["proven"] == ["artifacts", "packages", "packages/feed/nuget"]
        made = server.share("packages")
        assert sorted(str(one.relative_to(made)) for one in made.rglob("*")) == ["feed", "feed/nuget"]
        assert there(world, state) == INPUTS["folders"]
        (server.share("packages") / "feed" / "nuget").rmdir()
        assert there(world, state) == ["artifacts", "packages"]
        again = provider.update(
            Update(urn=URN, type=TYPE, id=HOST, olds=dict(state), old_inputs=INPUTS, news=dict(INPUTS))
        )
        assert again.properties["proven"] == state["proven"]
        provider.delete(Delete(urn=URN, type=TYPE, id=HOST, properties=dict(state)))
        assert [one.name for one in server.share("artifacts").iterdir()] == ["kept.txt"]
        assert (server.share("packages") / "feed" / "nuget").is_dir()

    def test_it_says_what_the_server_refuses(self, world: World, samba: Callable[..., Samba]) -> None:
        server = samba()
        world.port, world.key = server.port, KEY
        with pytest.raises(ProviderError, match=r"closed/\.cellctl-probe: AccessDenied, the user may not"):
            create(world.provider(), folders=["closed"])
        (server.share("packages") / "feed").write_text("a file")
        with pytest.raises(ProviderError, match=r"packages/feed: .*a file is in"):
            create(world.provider())
        assert world.waited == []
        world.key = base64.b64encode(b"another").decode()
        with pytest.raises(ProviderError, match="it does not take the user") as refused:
            create(world.provider())
        assert refused.value.code == "auth"

    def test_a_server_of_before_is_refused(self, world: World, samba: Callable[..., Samba]) -> None:
        world.port, world.key = samba(oldest="SMB3_00", newest="SMB3_02").port, KEY
        with pytest.raises(ProviderError, match=r"does not speak SMB 3\.1\.1"):
            create(world.provider())

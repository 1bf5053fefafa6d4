"""Provider `cellctl` dispatches by type, refuses what it does not know, and previews without a connection."""

from __future__ import annotations

import pytest

from cellctl.dialer import Route
from cellctl.state.values import UNKNOWN
from cellctl_components import resources
from cellctl_provider.protocol import Check, Configure, Create, Diff, Invoke, Provider, ProviderError
from cellctl_provider.provider import HANDLERS, VERSION, CellctlProviderFactory


class NoNetwork:
    def route(self, name: str, port: int) -> Route:
        raise AssertionError(f"{name}:{port} was dialled")


def never(seconds: float) -> None:
    raise AssertionError("waited")


@pytest.fixture
def provider() -> Provider:
    return CellctlProviderFactory(dialer=NoNetwork(), sleep=never)()


def urn(type_: str) -> str:
    return f"urn:pulumi:cell-acme::octopus-cells::cells:aws:Cell${type_}::x"


INPUTS: dict[str, dict[str, object]] = {
    "cellctl:aws:FileGateway": {
        "region": UNKNOWN, "instanceId": UNKNOWN, "address": UNKNOWN, "gatewayName": "acme", "cacheSizesGib": [150],
    },
    "cellctl:aws:ShareAccess": {"region": "eu-west-1", "shareArn": UNKNOWN, "protocol": "nfs", "clients": [UNKNOWN]},
    "cellctl:files:FolderTree": {
        "host": "stacme.file.core.windows.net", "account": UNKNOWN, "folders": ["packages"],
    },
    "cellctl:octopus:Administrator": {
        "address": UNKNOWN, "port": 80, "scheme": "http", "username": "admin",
        "email": "admin@example.com", "passwordSecret": UNKNOWN, "apiKeySecret": UNKNOWN,
    },
    "cellctl:octopus:MasterKey": {"region": "eu-west-1", "secretId": UNKNOWN},
    "cellctl:octopus:Node": {
        "region": "eu-west-1", "nodeName": "acme-1", "machine": UNKNOWN, "version": "2026.4.7000", "taskCap": 10,
        "apiKeySecret": UNKNOWN, "leader": "acme-1", "members": {"acme-1": UNKNOWN}, "machines": {"acme-1": UNKNOWN},
        "address": UNKNOWN, "port": 80, "scheme": "http",
    },
    "cellctl:octopus:QueueMember": {
        "region": "eu-west-1", "nodeName": "acme-1", "machine": UNKNOWN, "taskCap": 10, "apiKeySecret": UNKNOWN,
        "leader": "acme-1", "members": {"acme-1": UNKNOWN}, "machines": {"acme-1": UNKNOWN}, "address": UNKNOWN,
        "port": 80, "scheme": "http", "queueAddress": UNKNOWN, "queueSecret": UNKNOWN, "mount": UNKNOWN,
        "folder": "C:\\Octopus\\Shared\\cluster",
    },
    "cellctl:sql:CellDatabase": {
        "engine": "rds", "region": "eu-west-1", "server": UNKNOWN, "database": "octo_acme_g1",
        "administrator": "master", "administratorSecret": UNKNOWN, "login": "octo_acme_a", "loginSecret": UNKNOWN,
    },
}  # fmt: skip


@pytest.mark.parametrize("type_", sorted(HANDLERS))
def test_every_type_checks_diffs_and_previews_without_network_or_configuration(provider: Provider, type_: str) -> None:
    checked = provider.check(Check(urn=urn(type_), type=type_, olds={}, news=INPUTS[type_]))
    assert checked.failures == ()
    made = provider.create(Create(urn=urn(type_), type=type_, properties=checked.inputs, preview=True))
    assert made.id == ""
    same = Diff(urn=urn(type_), type=type_, id="x", olds={}, old_inputs=checked.inputs, news=checked.inputs)
    assert provider.diff(same).changes == "none"


@pytest.mark.parametrize("type_", sorted(HANDLERS))
def test_every_type_refuses_what_it_does_not_have_and_wrong_kinds(provider: Provider, type_: str) -> None:
    news = INPUTS[type_] | {"nonsense": True, "region": ["eu-west-1"]}
    failed = {item.property for item in provider.check(Check(urn=urn(type_), type=type_, olds={}, news=news)).failures}
    assert {"nonsense", "region"} <= failed


def test_the_type_is_read_from_the_urn_where_the_request_names_none(provider: Provider) -> None:
    type_ = "cellctl:octopus:MasterKey"
    assert provider.check(Check(urn=urn(type_), olds={}, news={})).failures


def test_an_unknown_type_or_function_is_one_sentence(provider: Provider) -> None:
    with pytest.raises(ProviderError, match="no resource type cellctl:aws:Nothing"):
        provider.check(Check(urn=urn("cellctl:aws:Nothing"), olds={}, news={}))
    with pytest.raises(ProviderError, match="no function cellctl:x:y"):
        provider.invoke(Invoke(token="cellctl:x:y", args={}))


def test_configuration_that_does_not_exist_is_refused(provider: Provider) -> None:
    good = provider.check_config(Check(urn="", olds={}, news={"awsRole": "arn:aws:iam::1:role/x", "version": "0.1.0"}))
    assert good.failures == ()
    bad = provider.check_config(Check(urn="", olds={}, news={"awsSecretKey": "x", "endpoint": "y"}))
    assert {item.property for item in bad.failures} == {"awsSecretKey", "endpoint"}


def test_acting_as_somebody_else_replaces_nothing(provider: Provider) -> None:
    request = Diff(urn="", id="", olds={}, old_inputs={"awsRole": "a"}, news={"awsRole": "b", "version": "9"})
    found = provider.diff_config(request)
    assert (found.changes, found.diffs, found.replaces) == ("some", ("awsRole",), ())


def test_without_a_role_nothing_is_done_with_whatever_login_is_around(provider: Provider) -> None:
    class Direct:
        def route(self, name: str, port: int) -> Route:
            return Route(host="", port=port)

    real = CellctlProviderFactory(dialer=Direct(), sleep=never)()
    real.configure(Configure(urn="", name="cellctl", type="", id="", variables={}, args={}))
    inputs = {"region": "eu-west-1", "secretId": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf"}
    with pytest.raises(ProviderError, match="no role") as refused:
        real.create(Create(urn=urn("cellctl:octopus:MasterKey"), properties=inputs))
    assert refused.value.code == "auth"


def test_sdk_and_provider_are_of_one_version() -> None:
    assert resources.VERSION == VERSION

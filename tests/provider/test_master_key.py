"""`cellctl:octopus:MasterKey`: made once, never overwritten, never shown, never deleted; on both clouds."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellctl_provider.octopus.master_key import fingerprint
from cellctl_provider.protocol import Check, Create, Delete, Diff, Provider, ProviderError, Read
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.testing.gateway_bench import GatewayBench, Killed, PlainSeal

TYPE = "cellctl:octopus:MasterKey"
URN = f"urn:pulumi:cell-acme::octopus-cells::cells:aws:Cell${TYPE}::master-key"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cells/acme/master-key-AbCdEf"
VAULT = "https://kv-acme.vault.azure.net/"
AWS = {"region": "eu-west-1", "secretId": ARN}
AZURE = {"vaultUri": VAULT, "secretName": "master-key"}
BOTH = pytest.mark.parametrize("inputs", [AWS, AZURE], ids=["aws", "azure"])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[GatewayBench]:
    made = GatewayBench(tmp_path, seal=PlainSeal())
    names = {"arn": ARN, "name": "cells/acme/master-key"}
    made.view.put(CloudObject(type="aws:secretsmanager/secret:Secret", id=ARN, properties=names))
    vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-acme"
    made.view.put(CloudObject(type="azure-native:keyvault:Vault", id=vault, properties={}))
    yield made
    made.close()


def create(provider: Provider, inputs: dict[str, str]) -> dict[str, object]:
    return provider.create(Create(urn=URN, type=TYPE, properties=dict(inputs))).properties


def reference(inputs: dict[str, str]) -> str:
    return inputs.get("secretId") or f"{VAULT}secrets/{inputs['secretName']}"


def value(bench: GatewayBench, inputs: dict[str, str]) -> str:
    from cellctl_provider.context import Context

    context = Context(dialer=bench.dialer, sleep=bench.view.sleep, credentials=bench.credentials)
    try:
        return context.secrets.read(reference(inputs))
    finally:
        context.close()


@BOTH
def test_a_key_is_made_once_and_the_state_holds_none_of_it(bench: GatewayBench, inputs: dict[str, str]) -> None:
    first = create(bench.provider(), inputs)
    key = value(bench, inputs)
    assert len(base64.b64decode(key, validate=True)) == 16
    assert first["reference"] == reference(inputs)
    assert first["fingerprint"] == fingerprint(key)
    assert key not in repr(first)
    assert key[:6] not in repr(first)
    assert create(bench.provider(), inputs) == first
    assert value(bench, inputs) == key


def test_a_role_that_is_not_known_everywhere_yet_is_outwaited(bench: GatewayBench) -> None:
    bench.admitted_s = 240.0
    create(bench.provider(), AZURE)
    assert 240 <= bench.view.now() < 300
    bench.admitted_s = bench.view.now() + 3600
    with pytest.raises(ProviderError, match="no role assignment") as refused:
        create(bench.provider(), {**AZURE, "secretName": "other"})
    assert refused.value.code == "auth"


@BOTH
def test_a_key_that_is_there_is_taken_over(bench: GatewayBench, inputs: dict[str, str]) -> None:
    from cellctl_provider.context import Context

    context = Context(dialer=bench.dialer, sleep=bench.view.sleep, credentials=bench.credentials)
    mine = base64.b64encode(b"0123456789abcdef").decode()
    context.secrets.ensure(reference(inputs), lambda: mine)
    context.close()
    assert create(bench.provider(), inputs)["fingerprint"] == fingerprint(mine)
    assert value(bench, inputs) == mine


@BOTH
def test_something_else_in_the_secret_is_refused_and_not_shown(bench: GatewayBench, inputs: dict[str, str]) -> None:
    from cellctl_provider.context import Context

    context = Context(dialer=bench.dialer, sleep=bench.view.sleep, credentials=bench.credentials)
    context.secrets.ensure(reference(inputs), lambda: "not a key, hunter2")
    context.close()
    with pytest.raises(ProviderError) as refused:
        create(bench.provider(), inputs)
    assert refused.value.code == "conflict"
    assert "hunter2" not in str(refused.value)


def test_killed_at_any_call_there_is_one_version(bench: GatewayBench) -> None:
    for number in (1, 2, 3):
        bench.credentials.kill_after = bench.credentials.made + number
        try:
            create(bench.provider(), AWS)
        except Killed:
            key = value(bench, AWS) if number > 1 else ""
            bench.undisturbed()
            assert create(bench.provider(), AWS)["fingerprint"] == (
                fingerprint(key) if key else fingerprint(value(bench, AWS))
            )
    assert bench.count("PutSecretValue") == 1


def test_two_runs_at_once_agree_on_one_key(bench: GatewayBench) -> None:
    """The second PutSecretValue carries the same version id and another value: the service refuses it."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: create(bench.provider(), AWS), range(8)))
    assert len({str(outputs["fingerprint"]) for outputs in found}) == 1
    assert len({str(outputs["version"]) for outputs in found}) == 1


def test_a_lost_response_makes_no_second_key(bench: GatewayBench) -> None:
    bench.counter.lose = "PutSecretValue"
    outputs = create(bench.provider(), AWS)
    assert bench.count("PutSecretValue") == 2
    assert outputs["fingerprint"] == fingerprint(value(bench, AWS))


@BOTH
def test_deletion_leaves_the_key(bench: GatewayBench, inputs: dict[str, str]) -> None:
    provider = bench.provider()
    outputs = create(provider, inputs)
    key = value(bench, inputs)
    provider.delete(Delete(urn=URN, type=TYPE, id=reference(inputs), properties=outputs))
    assert value(bench, inputs) == key


@BOTH
def test_read_tells_gone_from_unreachable(bench: GatewayBench, inputs: dict[str, str]) -> None:
    provider = bench.provider()
    request = Read(urn=URN, type=TYPE, id=reference(inputs), properties={}, inputs=dict(inputs))
    assert provider.read(request) is None
    outputs = create(provider, inputs)
    found = provider.read(request)
    assert found is not None
    assert (found.properties, found.inputs) == (outputs, inputs)
    imported = provider.read(Read(urn=URN, type=TYPE, id=reference(inputs), properties={}, inputs={}))
    assert imported is not None
    assert imported.inputs == inputs
    bench.dialer.close()
    with pytest.raises(ProviderError) as down:
        bench.provider().read(request)
    assert down.value.code == "unreachable"


def test_a_missing_secret_is_an_error_at_creation(bench: GatewayBench) -> None:
    with pytest.raises(ProviderError) as missing:
        create(bench.provider(), AWS | {"secretId": ARN + "X"})
    assert missing.value.code == "not_found"


def test_a_token_the_vault_does_not_take_is_an_error_of_sign_in(bench: GatewayBench) -> None:
    bench.credentials.azure_token = lambda audience: "other"
    with pytest.raises(ProviderError) as refused:
        create(bench.provider(), AZURE)
    assert refused.value.code == "auth"


@pytest.mark.parametrize(
    "inputs",
    [{}, {"vaultUri": VAULT}, AWS | AZURE, AWS | {"secretId": "name"}, AZURE | {"vaultUri": "https://evil.example/"}],
)
def test_inputs_name_one_place(bench: GatewayBench, inputs: dict[str, str]) -> None:
    assert bench.provider().check(Check(urn=URN, type=TYPE, olds={}, news=dict(inputs))).failures


def test_another_place_is_another_key(bench: GatewayBench) -> None:
    request = Diff(urn=URN, type=TYPE, id=ARN, olds={}, old_inputs=dict(AWS), news=AWS | {"secretId": ARN + "X"})
    assert bench.provider().diff(request).replaces == ("secretId",)


@BOTH
def test_a_preview_connects_nowhere(bench: GatewayBench, inputs: dict[str, str]) -> None:
    made = bench.provider().create(Create(urn=URN, type=TYPE, properties=dict(inputs), preview=True))
    assert made.id == ""
    assert bench.counter.calls == []

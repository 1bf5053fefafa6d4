"""Which secret of Secrets Manager an ARN finds that lacks its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellctl_provider.context import Context
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.testing.octopus_bench import OctopusBench

START = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
SECRETS = ("octopus/licence-AbCdEf", "octopus/my-secret-AbCdEf")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    bench = OctopusBench(tmp_path, cloud="aws")
    for name in SECRETS:
        bench.view.put(
            CloudObject(
                type="aws:secretsmanager/secret:Secret",
                id=START + name,
                region="eu-west-1",
                properties={"arn": START + name, "name": name[:-7]},
            )
        )
    made = Context(dialer=bench.dialer, sleep=bench.view.sleep, credentials=bench.credentials)
    for name in SECRETS:
        made.secrets.replace(START + name, name)
    with contextlib.closing(made):
        yield made
    bench.close()


def test_an_arn_without_its_last_six_characters_finds_the_secret(context: Context) -> None:
    assert context.secrets.read(START + "octopus/licence") == SECRETS[0]


@pytest.mark.parametrize("end", ["octopus/my-secret", "octopus/lic", "octopus/licence-AbCdEg"])
def test_what_ends_like_a_complete_arn_is_taken_for_one(context: Context, end: str) -> None:
    with pytest.raises(ProviderError) as missing:
        context.secrets.read(START + end)
    assert missing.value.code == "not_found"


def test_another_region_has_other_secrets(context: Context) -> None:
    with pytest.raises(ProviderError) as missing:
        context.secrets.read((START + "octopus/licence").replace("eu-west-1", "eu-west-2"))
    assert missing.value.code == "not_found"

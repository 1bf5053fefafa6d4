"""Secrets that the program around cellctl has: asked for over a socket of this user's, for the length of a run."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator

import pytest

from cellctl.engine.secrets_door import VARIABLE, SecretsDoor
from cellctl.errors import EngineError
from cellctl.hooks import Hooks
from cellctl.run.options import RunOptions
from cellctl.running import Line, Running
from cellctl_provider.hosts.supplied import SuppliedLicences, supplied
from cellctl_provider.protocol import ProviderError

HAVE = {"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a": "value of a"}


def resolve(reference: str) -> str | None:
    if reference == "broken":
        raise ValueError("the password is hunter2")
    return HAVE.get(reference)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsDoor]:
    opened = SecretsDoor(resolve)
    monkeypatch.setenv(VARIABLE, str(opened.path))
    yield opened
    opened.close()


def test_what_the_program_has_is_given_and_nothing_else(door: SecretsDoor) -> None:
    (reference,) = HAVE
    assert [supplied(one) for one in (reference, "unknown", reference)] == ["value of a", None, "value of a"]
    assert stat.S_IMODE(door.path.parent.stat().st_mode) == 0o700
    with pytest.raises(ProviderError, match=r"could not give the secret broken \(ValueError\)") as failed:
        supplied("broken")
    assert "hunter2" not in str(failed.value)
    with pytest.raises(EngineError, match="nobody here has"):
        SuppliedLicences().licensed_nodes("unknown")


def test_a_run_that_ended_answers_no_more_and_without_one_there_is_nobody(
    door: SecretsDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.close()
    assert not door.path.parent.exists()
    with pytest.raises(ProviderError, match="the run has ended"):
        supplied("unknown")
    monkeypatch.delenv(VARIABLE)
    assert supplied("unknown") is None


def test_the_hook_of_an_awaited_run_may_be_a_coroutine_function() -> None:
    async def have(reference: str) -> str | None:
        await asyncio.sleep(0)
        return reference.upper()

    async def story() -> None:
        options = RunOptions(hooks=Hooks(secrets=have))
        assert await Running(_asked, words=("up", "acme"), options=options) == "REF"

    asyncio.run(asyncio.wait_for(story(), 20))


def _asked(line: Line) -> str | None:
    return line.options.secret("ref")

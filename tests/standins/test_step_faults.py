"""Fault rules strike the steps of provider `cellctl` and the AWS APIs behind them, and leave the rest alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellctl.dialer import DirectDialer
from cellctl_provider.credentials import FederatedCredentials
from cellctl_provider.protocol import Create, Created, InitFailed, ProviderError
from cellctl_provider.provider import CellctlProvider
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.control import open_control
from cellctl_sandbox.service_faults import ServiceFaults
from cellctl_sandbox.step_faults import StepFactory, Steps

TYPE = "cellctl:aws:ShareAccess"
URN = f"urn:pulumi:cell-acme::octopus-cells::cells:aws:Cell${TYPE}::acme-shares-packages"


class Recorder(CellctlProvider):
    """A provider whose steps succeed and are counted."""

    def __init__(self) -> None:
        super().__init__(dialer=DirectDialer(), sleep=lambda seconds: None, credentials=FederatedCredentials)
        self.package, self.version, self.made = "cellctl", "0.0.1", 0

    def __call__(self) -> Recorder:
        return self

    def create(self, request: Create) -> Created:
        self.made += 1
        return Created(id="share-1", properties=request.properties)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def steps(home: Path) -> tuple[Steps, Recorder]:
    database = Database.open(home)
    recorder = Recorder()
    made = StepFactory(recorder, database, SimulatedClock.of(database))()
    assert isinstance(made, Steps)
    return made, recorder


def create(made: Steps, *, preview: bool = False) -> Created:
    return made.create(Create(urn=URN, type=TYPE, properties={"a": "b"}, preview=preview))


def test_an_error_strikes_before_anything_changes_and_as_often_as_said(home: Path) -> None:
    open_control(home).add_fault({"type": TYPE, "error": "quota", "count": 1, "op": "create"})
    made, recorder = steps(home)
    with pytest.raises(ProviderError) as struck:
        create(made)
    assert (struck.value.code, recorder.made) == ("quota", 0)
    assert create(made).id == "share-1"


@pytest.mark.parametrize(
    "rule", [{"type": "cellctl:sql:*"}, {"type": TYPE, "op": "delete"}, {"cell": "zeta"}, {"cloud": "azure"}]
)
def test_rules_about_something_else_do_not_strike(home: Path, rule: dict[str, object]) -> None:
    open_control(home).add_fault(rule)
    assert create(steps(home)[0]).id == "share-1"


def test_a_preview_is_left_alone(home: Path) -> None:
    open_control(home).add_fault({"type": TYPE})
    made, recorder = steps(home)
    assert create(made, preview=True).id == "share-1"
    assert recorder.made == 1


def test_a_lost_answer_and_a_partial_object(home: Path) -> None:
    control = open_control(home)
    lost = control.add_fault({"type": TYPE, "effect": "lost"})
    made, recorder = steps(home)
    with pytest.raises(ProviderError) as unheard:
        create(made)
    assert (unheard.value.code, recorder.made) == ("unreachable", 1)
    control.clear_faults(lost)
    control.add_fault({"type": TYPE, "effect": "partial"})
    with pytest.raises(InitFailed) as partial:
        create(made)
    assert (partial.value.id, partial.value.inputs) == ("share-1", {"a": "b"})


def test_a_step_that_hangs_ends_when_it_is_cancelled(home: Path) -> None:
    open_control(home).add_fault({"type": TYPE, "effect": "hang"})
    made, _ = steps(home)
    made.cancel()
    with pytest.raises(ProviderError) as stopped:
        create(made)
    assert stopped.value.code == "cancelled"


def test_an_api_is_struck_by_its_own_name_only(home: Path) -> None:
    control = open_control(home)
    database = Database.open(home)
    apis = ServiceFaults(database, SimulatedClock.of(database))
    control.add_fault({"type": "*", "name": "*"})
    assert apis.before("storagegateway", "ActivateGateway") is None
    control.add_fault({"type": "service:storagegateway", "name": "ActivateGateway", "error": "throttle", "count": 1})
    assert apis.before("storagegateway", "ListGateways") is None
    assert apis.before("secretsmanager", "ActivateGateway") is None
    error = apis.before("storagegateway", "ActivateGateway")
    assert error is not None
    assert (error.code, error.status) == ("ThrottlingException", 400)
    assert apis.before("storagegateway", "ActivateGateway") is None
    control.add_fault({"type": "service:*", "effect": "lost", "count": 1})
    assert apis.before("storagegateway", "AddCache") is None
    assert (apis.after("storagegateway", "AddCache"), apis.after("storagegateway", "AddCache")) == (True, False)

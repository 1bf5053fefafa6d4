"""How alarms of a real account stand: asked of CloudWatch as the role that looks. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cellctl.errors import EngineError
from cellctl.state.values import Struct, Value
from cellctl_provider.credentials import FederatedCredentials
from cellctl_provider.protocol import ProviderError

if TYPE_CHECKING:
    from boto3 import Session

_AT_ONCE = 100  # names in one DescribeAlarms (CloudWatch API reference, 2026-11)


class FederatedAlarms:
    """Satisfies `cellctl.engine.ports.AlarmReader` for real accounts: as their role, never as an ambient login."""

    def __init__(self, role: str, account: str) -> None:
        self._variables = {"cellctl:config:awsRole": role, "cellctl:config:awsAccount": account}

    def states(self, names: Sequence[str], *, region: str) -> Mapping[str, Mapping[str, Value]]:
        """Return `{"state", "why"}` by name.

        Raises:
            EngineError: CloudWatch does not answer, or refuses (code `alarms_unseen`).
        """
        try:
            return states(FederatedCredentials(self._variables).aws(region), names)
        except ProviderError as error:
            raise EngineError(error.message, hint="cellctl doctor --account", code="alarms_unseen") from error


def states(session: Session, names: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
    """Return what a session sees of alarms; `GONE`: there is none of a name. Errors as `FederatedAlarms.states`."""
    from botocore.exceptions import BotoCoreError, ClientError

    found: dict[str, Struct] = {
        name: {"state": "GONE", "why": "CloudWatch has no alarm of this name"} for name in names
    }
    client = session.client("cloudwatch")
    try:
        for start in range(0, len(names), _AT_ONCE):
            pages = client.get_paginator("describe_alarms").paginate(AlarmNames=list(names[start : start + _AT_ONCE]))
            for page in pages:
                for row in page.get("MetricAlarms", []):
                    state, why = row.get("StateValue", ""), row.get("StateReason", "")
                    found[row.get("AlarmName", "")] = {"state": str(state), "why": str(why)}
    except (BotoCoreError, ClientError) as error:
        raise EngineError(f"alarms: {error}", hint="cellctl doctor --account", code="alarms_unseen") from None
    finally:
        client.close()
    return found

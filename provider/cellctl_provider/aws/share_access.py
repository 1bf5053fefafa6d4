"""`cellctl:aws:ShareAccess`: a file share's clients are exactly its cell's nodes; without a cell, nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Literal

from cellctl.state.values import Struct, Value, contains_unknown
from cellctl_provider.aws.clients import translated
from cellctl_provider.context import Context
from cellctl_provider.inputs import Field, check, diff, needed, preview_of, text, texts
from cellctl_provider.polling import poll
from cellctl_provider.protocol import (
    Check,
    Checked,
    CheckFailure,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    ProviderError,
    Read,
    Update,
    Updated,
)

if TYPE_CHECKING:
    from mypy_boto3_storagegateway import StorageGatewayClient

NOBODY = "192.0.2.1/32"
"""Client list entry that admits nobody: TEST-NET-1 is never assigned to a host (RFC 5737, 2010-01).

A client list has at least one entry (botocore 1.44.8), and a share without a list admits everybody."""

NO_USER = "cellctl-nobody"
"""Valid user of a share in a domain that no cell has: a list without users admits all of the domain's."""

OUTPUTS = ("enforcedBy",)
FIELDS = (
    Field(name="region", kind="text", required=True, replaces=True, pattern=r"[a-z]{2}(-[a-z]+)+-\d"),
    Field(name="shareArn", kind="text", required=True, replaces=True, pattern=r"arn:.*:share/share-[0-9A-Za-z]+"),
    Field(name="protocol", kind="text", required=True, replaces=True, pattern="nfs|smb"),
    Field(name="clients", kind="texts", required=True),
    Field(name="validUsers", kind="texts"),
)
_MOST_CLIENTS = 100  # members of FileShareClientList, botocore 1.44.8
_DOMAIN = "ActiveDirectory"
_EVERY_S = 5.0
_LIMIT_S = 10 * 60.0
_PASSING = ("CREATING", "UPDATING")

Enforcement = Literal["client-list", "valid-users", "security-group"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareState:
    """What of a share concerns access."""

    arn: str
    status: str
    clients: tuple[str, ...] = ()
    authentication: str = ""
    valid_users: tuple[str, ...] = ()
    read_only: bool = False


class ShareAccessHandler:
    """Serves `cellctl:aws:ShareAccess`. Its id is the share's ARN; no other share is ever touched."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def check(self, request: Check) -> Checked:
        """Validate inputs; clients are addresses or whole ranges, and never everybody."""
        checked = check(FIELDS, request)
        clients = checked.inputs.get("clients")
        if checked.failures or contains_unknown(clients):
            return checked
        reasons = _refusals(texts(checked.inputs, "clients"))
        failures = tuple(CheckFailure(property="clients", reason=reason) for reason in reasons)
        return Checked(inputs=checked.inputs, failures=failures)

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs; the order of clients means nothing."""
        if sorted(texts(request.old_inputs, "clients")) == sorted(texts(request.news, "clients")):
            request = _with_clients(request)
        return diff(FIELDS, request)

    def create(self, request: Create) -> Created:
        """Admit exactly the clients, and wait until the share is available."""
        if request.preview:
            return Created(id="", properties=preview_of(request.properties, OUTPUTS))
        arn = needed(request.properties, "shareArn")
        return Created(id=arn, properties=self._applied(request.properties))

    def read(self, request: Read) -> Found | None:
        """Return who is admitted now; None only if the service says that there is no such share."""
        values = {**request.inputs, **request.properties}
        region = text(values, "region") or request.id.split(":")[3]
        client = self._context.aws.storage_gateway(region)
        for protocol in (text(values, "protocol"),) if text(values, "protocol") else ("nfs", "smb"):
            if not _listed(client, request.id, protocol):
                continue
            state = _state(client, request.id, protocol)
            inputs = _inputs_of(state, region, protocol, request.inputs)
            outputs: Struct = {**inputs, "enforcedBy": _enforcement(state, protocol)}
            return Found(id=request.id, properties=outputs, inputs=inputs)
        return None

    def update(self, request: Update) -> Updated:
        """Admit exactly the new clients."""
        if request.preview:
            return Updated(properties={**request.olds, **request.news})
        return Updated(properties=self._applied(request.news))

    def delete(self, request: Delete) -> None:
        """Close the share to everybody; the share itself and what is in it stay."""
        protocol = needed(request.properties, "protocol")
        client = self._client(request.properties)
        if _listed(client, request.id, protocol):
            self._set(client, request.id, protocol, clients=[], users=[])

    def admit(
        self, region: str, arn: str, protocol: str, clients: Sequence[str], users: Sequence[str] | None = None
    ) -> None:
        """Let exactly these clients use a share, nobody for none, and wait until that is so.

        In a domain it is `users` who may.
        """
        self._set(self._context.aws.storage_gateway(region), arn, protocol, clients=clients, users=users)

    def closed(self, region: str, arn: str, protocol: str) -> bool:
        """Tell whether a share admits nobody, as one does that no cell has."""
        state = _state(self._context.aws.storage_gateway(region), arn, protocol)
        if protocol == "nfs":
            return list(state.clients) == [NOBODY]
        return state.read_only and (state.authentication != _DOMAIN or list(state.valid_users) == [NO_USER])

    def _applied(self, inputs: Struct) -> Struct:
        protocol = needed(inputs, "protocol")
        users = texts(inputs, "validUsers") if "validUsers" in inputs else None
        state = self._set(
            self._client(inputs), needed(inputs, "shareArn"), protocol, clients=texts(inputs, "clients"), users=users
        )
        return {**inputs, "enforcedBy": _enforcement(state, protocol)}

    def _set(
        self,
        client: StorageGatewayClient,
        arn: str,
        protocol: str,
        *,
        clients: Sequence[str],
        users: Sequence[str] | None,
    ) -> ShareState:
        """Set who is admitted, where it differs, and wait until the share is available."""
        state = self._available(client, arn, protocol)
        with translated(f"changing who may use share {arn}"):
            if protocol == "nfs":
                changed = _set_nfs(client, state, clients)
            else:
                changed = _set_smb(client, state, closed=not clients, users=users)
        return self._available(client, arn, protocol) if changed else state

    def _available(self, client: StorageGatewayClient, arn: str, protocol: str) -> ShareState:
        """Wait until the share is available; a state that does not pass by itself ends the wait at once."""

        def look() -> ShareState | None:
            state = _state(client, arn, protocol)
            if state.status == "AVAILABLE":
                return state
            if state.status in _PASSING:
                return None
            raise ProviderError(f"share {arn} is {state.status}", code="conflict")

        what = f"the availability of share {arn.rpartition('/')[2]}"
        return poll(self._context, look, what=what, every_s=_EVERY_S, limit_s=_LIMIT_S)

    def _client(self, values: Mapping[str, Value]) -> StorageGatewayClient:
        return self._context.aws.storage_gateway(needed(values, "region"))


def _set_nfs(client: StorageGatewayClient, state: ShareState, clients: Sequence[str]) -> bool:
    """Set the client list, in one order; tell whether that changed anything."""
    wanted = sorted(set(clients)) or [NOBODY]
    if sorted(state.clients) == wanted:
        return False
    client.update_nfs_file_share(FileShareARN=state.arn, ClientList=wanted)
    return True


def _set_smb(client: StorageGatewayClient, state: ShareState, *, closed: bool, users: Sequence[str] | None) -> bool:
    """Set valid users where the share knows users, nobody's where it has no cell, and read-only then.

    SMB has no client list. Guests of a gateway are not told apart (one password), so a closed share is read-only and
    the security groups keep others out: reference/octopus.md 13 and P7.
    """
    active_directory = state.authentication == _DOMAIN
    named = (NO_USER,) if closed else tuple(sorted(users or ()))
    wanted = named if users is not None and active_directory else state.valid_users
    if tuple(sorted(state.valid_users)) == wanted and state.read_only == closed:
        return False
    if active_directory and users is not None:
        client.update_smb_file_share(FileShareARN=state.arn, ReadOnly=closed, ValidUserList=list(wanted))
    else:
        client.update_smb_file_share(FileShareARN=state.arn, ReadOnly=closed)
    return True


def _enforcement(state: ShareState, protocol: str) -> Enforcement:
    if protocol == "nfs":
        return "client-list"
    return "valid-users" if state.authentication == _DOMAIN and state.valid_users else "security-group"


def _listed(client: StorageGatewayClient, arn: str, protocol: str) -> bool:
    with translated("listing file shares"):
        for page in client.get_paginator("list_file_shares").paginate():
            for share in page.get("FileShareInfoList", []):
                if share.get("FileShareARN") == arn:
                    return share.get("FileShareType", "").lower() == protocol
    return False


def _state(client: StorageGatewayClient, arn: str, protocol: str) -> ShareState:
    with translated(f"reading share {arn}"):
        if protocol == "nfs":
            nfs = client.describe_nfs_file_shares(FileShareARNList=[arn])["NFSFileShareInfoList"][0]
            return ShareState(arn=arn, status=nfs.get("FileShareStatus", ""), clients=tuple(nfs.get("ClientList", [])))
        smb = client.describe_smb_file_shares(FileShareARNList=[arn])["SMBFileShareInfoList"][0]
        return ShareState(
            arn=arn,
            status=smb.get("FileShareStatus", ""),
            authentication=smb.get("Authentication", ""),
            valid_users=tuple(smb.get("ValidUserList", [])),
            read_only=smb.get("ReadOnly", False),
        )


def _inputs_of(state: ShareState, region: str, protocol: str, before: Mapping[str, Value]) -> Struct:
    """Return the inputs that describe how the share is; SMB keeps the clients it was given."""
    clients: Value = before.get("clients", [])
    if protocol == "nfs":
        found = [item for item in state.clients if item != NOBODY]
        same = sorted(found) == sorted(texts(before, "clients"))
        clients = clients if same else [*sorted(found)]
    elif state.read_only:
        clients = []
    inputs: Struct = {"region": region, "shareArn": state.arn, "protocol": protocol, "clients": clients}
    if "validUsers" in before:
        found = [one for one in state.valid_users if one != NO_USER]
        same = sorted(found) == sorted(texts(before, "validUsers"))
        inputs["validUsers"] = before["validUsers"] if same else [*found]
    return inputs


def _with_clients(request: Diff) -> Diff:
    """Return the request with the old order of clients in the new inputs."""
    news: Struct = {**request.news, "clients": request.old_inputs.get("clients")}
    return Diff(
        urn=request.urn,
        id=request.id,
        olds=request.olds,
        old_inputs=request.old_inputs,
        news=news,
        ignore_changes=request.ignore_changes,
        type=request.type,
        name=request.name,
    )


def _refusals(clients: Sequence[str]) -> list[str]:
    reasons = [f"{_MOST_CLIENTS} clients at most"] if len(clients) > _MOST_CLIENTS else []
    for client in clients:
        try:
            network = ip_network(client)
        except ValueError as error:
            reasons.append(str(error))
            continue
        if network.prefixlen == 0:
            reasons.append(f"{client} admits everybody")
    return reasons

"""A bench for provider `cellctl` on AWS: stand-ins over objects in memory, and calls that can be killed or lost.

bench = GatewayBench(folder)
bench.disturb(kill_before=3)          # the third API call never happens: Killed is raised out of the provider
bench.disturb(lose_after=3)           # it happens, and its response is lost: boto3 tries again
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import boto3
import botocore.loaders
import botocore.session
from botocore.model import OperationModel

from cellctl.state.values import Value
from cellctl_provider.protocol import Configure, Provider
from cellctl_provider.provider import CellctlProviderFactory
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.aws_endpoint import AwsEndpointStandin
from cellctl_sandbox.standins.aws_json import ApiError
from cellctl_sandbox.standins.bucket_objects import BucketObjects
from cellctl_sandbox.standins.buckets import Buckets
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.dialer import SandboxDialer
from cellctl_sandbox.standins.documents import Documents, Seal
from cellctl_sandbox.standins.nfs import Disturb, NfsStandin, undisturbed
from cellctl_sandbox.standins.secret_stores import KeyVaultStandin, secrets_manager_service
from cellctl_sandbox.standins.security_groups import security_groups_service
from cellctl_sandbox.standins.smb import Directory, SmbStandin
from cellctl_sandbox.standins.storage_gateway import ApplianceStandin, storage_gateway_service
from cellctl_sandbox.standins.storage_gateway.shares import ShareBook
from cellctl_sandbox.testing.cloud import ObjectsInMemory, only_ours

REGION = "eu-west-1"
_LOADER = botocore.loaders.create_loader()  # shared: reading a service's model is most of what a client costs
CLIENT = "10.255.0.4"
"""Address that every dial comes from."""
TOKEN = "bench-token"  # noqa: S105  the only one that the bench's vault takes


class Killed(BaseException):
    """The process was killed: no handler may catch this."""


class CallCounter:
    """Counts API calls that reach the service, and disturbs one of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: list[str] = []
        self.lose = ""
        self.fail_at = 0

    def before(self, service: str, operation: str) -> ApiError | None:  # noqa: ARG002
        """Count a call, or answer it with a server error."""
        with self._lock:
            self.calls.append(operation)
            if len(self.calls) == self.fail_at:
                return ApiError("InternalServerError", "an internal error", status=500)
        return None

    def after(self, service: str, operation: str) -> bool:  # noqa: ARG002
        """Lose the first response of the chosen operation."""
        with self._lock:
            return operation == self.lose and self.calls.count(operation) == 1


class PlainSeal:
    """Seals nothing: for tests that look at no file."""

    def seal(self, value: Value) -> Value:
        """Return the value."""
        return value

    def unseal(self, value: Value) -> Value:
        """Return the value."""
        return value


class BenchCredentials:
    """A boto3 session whose calls can be killed on the client's side, before they are sent or after the answer."""

    def __init__(self) -> None:
        self.made = 0
        self.kill_before = 0
        self.kill_after = 0
        self._session: boto3.Session | None = None

    def aws(self, region: str) -> boto3.Session:
        """Return the session."""
        if self._session is None:
            core = botocore.session.Session()
            core.register_component("data_loader", _LOADER)
            self._session = boto3.Session(
                botocore_session=core,
                aws_access_key_id="bench",
                aws_secret_access_key="bench",  # noqa: S106
                region_name=region,
            )
            self._session.events.register("before-call", self._before)
            self._session.events.register("after-call", self._after)
        return self._session

    def azure_token(self, audience: str) -> str:  # noqa: ARG002
        """Return the bench's token."""
        return TOKEN

    def azure_token_of(self, identity: str, audience: str) -> str:  # noqa: ARG002
        """Return the bench's token."""
        return TOKEN

    def _before(self, model: OperationModel, **_: object) -> None:
        self.made += 1
        if 0 < self.kill_before <= self.made or 0 < self.kill_after < self.made:
            raise Killed(model.name)  # who is killed calls nobody any more, whatever its handlers want

    def _after(self, model: OperationModel, **_: object) -> None:
        if self.made == self.kill_after:
            raise Killed(model.name)


class GatewayBench:
    """Stand-ins, a configured provider, and the knobs."""

    def __init__(self, folder: Path, *, seal: Seal) -> None:
        self.view = ObjectsInMemory()
        self.counter = CallCounter()
        self.credentials = BenchCredentials()
        self.authority = Authority()
        self._providers: list[Provider] = []
        self.database = folder / "sandbox.db"
        gateways = Documents(self.database, "gateway_documents")
        values = Documents(self.database, "octopus_secrets", seal=seal)
        self.objects = BucketObjects(Documents(self.database, "bucket_documents"), self.view)
        directory = Directory.of(values)
        services = [
            storage_gateway_service(
                gateways, self.view, interference=self.counter, objects=self.objects, password=directory.password
            ),
            secrets_manager_service(values, self.view, interference=self.counter),
        ]
        self.admitted_s = 0.0
        """From when the vault knows of the role of whoever asks."""
        ours = only_ours(TOKEN)

        def refusal(token: str, vault: CloudObject, action: str) -> str | None:
            return ours(token, vault, action) if self.view.now() >= self.admitted_s else "no role assignment"

        vault = KeyVaultStandin(values, self.view, self.authority, refusal=refusal)
        appliance = ApplianceStandin(gateways, self.view, is_appliance=lambda item: item.text("ami") == "ami-gateway")
        buckets = Buckets(self.view, self.objects, refusal=lambda _cell, _action, _resource: "")
        self.disturb_files: Disturb = undisturbed
        """Answers the calls of NFS."""
        files = NfsStandin(
            self.view,
            ShareBook(gateways, self.view),
            self.objects,
            client=CLIENT,
            disturb=self._disturbed,
        )
        smb = SmbStandin(self.view, ShareBook(gateways, self.view), self.objects, directory)
        groups = security_groups_service(self.view, interference=self.counter)
        endpoint = AwsEndpointStandin(services, queried=groups, buckets=buckets)
        self.dialer = SandboxDialer([endpoint, appliance, files, smb, vault])

    def _disturbed(self, name: str, answer: Callable[[], bytes], refused: Callable[[str], bytes]) -> bytes:
        return self.disturb_files(name, answer, refused)

    def provider(self) -> Provider:
        """Return a fresh provider, as a new process has it."""
        made = CellctlProviderFactory(
            dialer=self.dialer, sleep=self.view.sleep, credentials=lambda _variables: self.credentials
        )()
        made.configure(Configure(urn="", name="cellctl", type="", id="", variables={}, args={}))
        self._providers.append(made)
        return made

    def undisturbed(self) -> None:
        """Let everything work from now on."""
        self.credentials.kill_before = self.credentials.kill_after = 0
        self.counter.lose, self.counter.fail_at = "", 0

    def count(self, operation: str) -> int:
        """Return how often an operation reached the service."""
        return self.counter.calls.count(operation)

    def close(self) -> None:
        """Stop the stand-ins and close all connections."""
        for provider in self._providers:
            provider.close()
        self._providers.clear()
        self.dialer.close()

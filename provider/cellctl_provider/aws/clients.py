"""boto3 clients through the Dialer, and what their errors mean to an engine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from cellctl.dialer import Dialer
from cellctl_provider.credentials import Credentials
from cellctl_provider.protocol import ErrorCode, ProviderError

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_storagegateway import StorageGatewayClient


class SecretsManagerClient(Protocol):
    """The part of boto3's Secrets Manager client that is used here; parameter names are AWS's."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, object]:  # noqa: N803
        """Return `ARN`, `VersionId` and `SecretString` of the current version."""

    def put_secret_value(self, *, SecretId: str, SecretString: str, ClientRequestToken: str) -> Mapping[str, object]:  # noqa: N803
        """Add a version; `ClientRequestToken` is its id and makes the call idempotent."""


class SystemsManagerClient(Protocol):
    """The part of boto3's Systems Manager client that is used here; parameter names are AWS's."""

    def send_command(
        self,
        *,
        InstanceIds: Sequence[str],  # noqa: N803
        DocumentName: str,  # noqa: N803
        Comment: str,  # noqa: N803
        Parameters: Mapping[str, Sequence[str]],  # noqa: N803
    ) -> Mapping[str, object]:
        """Start a command; return it as `Command`."""

    def get_command_invocation(self, *, CommandId: str, InstanceId: str) -> Mapping[str, object]:  # noqa: N803
        """Return `Status` and what the command wrote on one instance."""


class Ec2Client(Protocol):
    """The part of boto3's EC2 client that is used here; parameter names are AWS's."""

    def authorize_security_group_ingress(
        self,
        *,
        GroupId: str,  # noqa: N803
        IpPermissions: Sequence[Mapping[str, object]],  # noqa: N803
    ) -> Mapping[str, object]:
        """Add rules to a security group."""

    def revoke_security_group_ingress(
        self,
        *,
        GroupId: str,  # noqa: N803
        IpPermissions: Sequence[Mapping[str, object]],  # noqa: N803
    ) -> Mapping[str, object]:
        """Remove rules from a security group."""


class Closing(Protocol):
    """What all boto3 clients have."""

    def close(self) -> None:
        """Close pooled connections."""


_CODES: Mapping[str, ErrorCode] = {
    "ThrottlingException": "throttle",
    "Throttling": "throttle",
    "TooManyRequestsException": "throttle",
    "RequestLimitExceeded": "throttle",
    "LimitExceededException": "quota",
    "RulesPerSecurityGroupLimitExceeded": "quota",
    "UnauthorizedOperation": "auth",
    "InvalidGroup.NotFound": "not_found",
    "AccessDeniedException": "auth",
    "UnrecognizedClientException": "auth",
    "ExpiredTokenException": "auth",
    "InvalidSignatureException": "auth",
    "MissingAuthenticationTokenException": "auth",
    "ValidationException": "invalid",
    "InvalidParameterException": "invalid",
    "InvalidRequestException": "invalid",
    "ResourceNotFoundException": "not_found",
}
_GATEWAY_CODES: Mapping[str, ErrorCode] = {
    "GatewayNotFound": "not_found",
    "GatewayNotConnected": "unreachable",
    "InvalidParameters": "invalid",
    "ServiceUnavailable": "throttle",
}


_MAKING = threading.Lock()  # a session, which several of these may share, makes one client at a time


class AwsClients:
    """Clients by service and region; one each, shared by all threads."""

    def __init__(self, credentials: Credentials, dialer: Dialer) -> None:
        self._credentials = credentials
        self._dialer = dialer
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], object] = {}

    def storage_gateway(self, region: str) -> StorageGatewayClient:
        """Return the Storage Gateway client of a region."""

        def make(url: str | None, config: Config) -> object:
            return self._credentials.aws(region).client(
                "storagegateway", region_name=region, endpoint_url=url, config=config
            )

        return cast("StorageGatewayClient", self._client("storagegateway", region, make))

    def secrets_manager(self, region: str) -> SecretsManagerClient:
        """Return the Secrets Manager client of a region."""

        def make(url: str | None, config: Config) -> object:
            return self._credentials.aws(region).client(
                "secretsmanager", region_name=region, endpoint_url=url, config=config
            )

        return cast("SecretsManagerClient", self._client("secretsmanager", region, make))

    def systems_manager(self, region: str) -> SystemsManagerClient:
        """Return the Systems Manager client of a region."""

        def make(url: str | None, config: Config) -> object:
            return self._credentials.aws(region).client("ssm", region_name=region, endpoint_url=url, config=config)

        return cast("SystemsManagerClient", self._client("ssm", region, make))

    def ec2(self, region: str) -> Ec2Client:
        """Return the EC2 client of a region."""

        def make(url: str | None, config: Config) -> object:
            return self._credentials.aws(region).client("ec2", region_name=region, endpoint_url=url, config=config)

        return cast("Ec2Client", self._client("ec2", region, make))

    def close(self) -> None:
        """Close the connections of all clients; a client asked for again is made anew."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            cast("Closing", client).close()

    def _client(self, service: str, region: str, make: Callable[[str | None, Config], object]) -> object:
        from botocore.config import Config

        with self._lock:
            if (service, region) not in self._clients:
                route = self._dialer.route(f"service:{service}:{region}", 443)
                config = Config(
                    retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=10, read_timeout=60
                )
                with _MAKING:
                    self._clients[service, region] = make(route.url or None, config)
            return self._clients[service, region]


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn boto3's errors inside the block into ProviderErrors that say `what` could not be done."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = gateway_code(error.response) or str(error.response.get("Error", {}).get("Code", ""))
        kind = _GATEWAY_CODES.get(code) or _CODES.get(code, "internal")
        message = str(error.response.get("Error", {}).get("Message", ""))
        raise ProviderError(f"{what}: {message} ({code})", code=kind) from error
    except BotoCoreError as error:
        # The text of these names the endpoint, never parameters.
        raise ProviderError(f"{what}: {error}", code="unreachable") from error


@contextlib.contextmanager
def tolerated(code: str) -> Iterator[None]:
    """Pass over one error of boto3 inside the block: what is asked for is not there yet."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != code:
            raise


def gateway_code(response: object) -> str:
    """Return `error.errorCode` of a Storage Gateway error response, `` if it has none."""
    inner = response.get("error") if isinstance(response, dict) else None
    code = inner.get("errorCode") if isinstance(inner, dict) else None
    return code if isinstance(code, str) else ""

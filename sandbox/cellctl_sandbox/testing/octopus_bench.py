"""A bench for Octopus in provider `cellctl`: a cell's nodes, its secret store, and the agents on its machines.

bench = OctopusBench(folder, cloud="aws")
bench.provider().create(bench.administrator())
bench.kill.at = "POST */apikeys"        # carried out; the process ends before it hears of it, or of anything else
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import httpx

from cellctl.dialer import Route
from cellctl.state.values import Struct
from cellctl_provider.protocol import Configure, Create, Delete, Provider, Read, Update
from cellctl_provider.provider import CellctlProviderFactory
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.aws_endpoint import AwsEndpointStandin
from cellctl_sandbox.standins.aws_json import ApiError
from cellctl_sandbox.standins.cloud_view import CloudObject
from cellctl_sandbox.standins.dialer import SandboxDialer
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.octopus import FirstAdministrator, NodeFacts, NodePort, OctopusStandin
from cellctl_sandbox.standins.run_command import ResourceManagerStandin, Runs, systems_manager_service
from cellctl_sandbox.standins.secret_stores import KeyVaultStandin, secrets_manager_service
from cellctl_sandbox.standins.web import Answer, Request, Response
from cellctl_sandbox.testing.cloud import ObjectsInMemory, only_ours
from cellctl_sandbox.testing.gateway_bench import TOKEN, BenchCredentials, PlainSeal

OLD, NEW = "2026.4.7000", "2026.4.7100"
HOST = "acme.example.com"
PASSWORD = "first-Password-1"  # noqa: S105  of a stand-in
_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cells/acme/{}-AbCdEf"
_URI = "https://kv-acme.vault.azure.net/secrets/{}"
_MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-{}"
_SUFFIX = "urn:pulumi:cell-acme::octopus-cells::cells:{}:Cell$cells:{}:Nodes${}::{}"


class Kill:
    """Ends the client's process in effect: from one call on, no answer is heard and nothing more is carried out.

    `at` is a pattern of operations, `place` which of the calls that match it is the last one.
    """

    def __init__(self) -> None:
        self.at = ""
        self.place = 1
        self.dead = False
        self.calls: list[str] = []

    def before(self, service: str, operation: str) -> ApiError | None:  # noqa: ARG002
        """Count a call, or refuse it because the process is gone."""
        if self.dead:
            return ApiError("Gone", "the process was killed", status=400)
        self.calls.append(operation)
        return None

    def after(self, service: str, operation: str) -> bool:  # noqa: ARG002
        """Lose the answer of the chosen call and of all that follow."""
        if self.at and fnmatch.fnmatch(operation, self.at):
            self.place -= 1
            if self.place <= 0:
                self.at, self.dead, self.place = "", True, 1
        return self.dead

    def disturb(self, answer: Answer) -> Answer:
        """Return a web service's answer function that can be struck."""

        def struck(request: Request) -> Response:
            operation = f"{request.method} {request.path}"
            if self.before("", operation) is not None:
                return Response(drop=True)
            given = answer(request)
            return Response(drop=True) if self.after("", operation) else given

        return struck


class OctopusBench:
    """Two or more nodes of cell `acme` on one cloud, and a configured provider."""

    def __init__(self, folder: Path, *, cloud: str, nodes: int = 2) -> None:
        self.cloud = cloud
        self.view = ObjectsInMemory()
        self.view.sleep(1000.0)
        self.kill = Kill()
        self.credentials = BenchCredentials()
        self.authority = Authority()
        self.found = [self.facts(ordinal) for ordinal in range(1, nodes + 1)]
        self.database = folder / "sandbox.db"
        self._providers: list[Provider] = []
        self._values = Documents(self.database, "secret_values", seal=PlainSeal())
        self.octopus = OctopusStandin(
            Documents(self.database, "octopus_documents", seal=PlainSeal()),
            self,
            self.authority,
            read_secret=self.secret,
            disturb=self.kill.disturb,
        )
        self.cluster = self.octopus.cluster
        self.told: list[Mapping[str, str]] = []
        self.runs = Runs(Documents(self.database, "runs"), self.cluster, told=self._tell)
        services = [
            secrets_manager_service(self._values, self.view, interference=self.kill),
            systems_manager_service(self.runs, interference=self.kill),
        ]
        self.dialer = SandboxDialer(
            [
                AwsEndpointStandin(services),
                KeyVaultStandin(self._values, self.view, self.authority, refusal=only_ours(TOKEN)),
                ResourceManagerStandin(self.runs, self.authority, authorized=lambda token: token == TOKEN),
                self.octopus,
            ]
        )
        self._put_secrets()

    def facts(self, ordinal: int) -> NodeFacts:
        """Return what the simulated cloud knows of a node."""
        aws = self.cloud == "aws"
        machine = f"i-{ordinal:017x}" if aws else _MACHINE.format(ordinal)
        ports = (NodePort(port=8080),) if aws else (NodePort(port=443, tls=True), NodePort(port=80, probe_only=True))
        return NodeFacts(
            cell="acme",
            name=f"acme-{ordinal}",
            address=f"10.64.{ordinal}.21",
            ports=ports,
            up_from_s=600.0,
            database=True,
            version=OLD,
            tls_names=(HOST,),
            machine=machine,
            store="db-1",
            task_cap=0,
            administrator=FirstAdministrator(
                username="admin", email="admin@example.com", password_secret=self.reference("administrator")
            ),
        )

    def nodes(self, cell: str = "") -> Sequence[NodeFacts]:
        """Return the nodes that exist, of a cell or all (`NodeCatalogue`)."""
        return [node for node in self.found if cell in ("", node.cell)]

    def now(self) -> float:
        """Return the simulated second (`NodeCatalogue`)."""
        return self.view.now()

    def reference(self, name: str) -> str:
        """Return the reference of one of the cell's secrets."""
        return (_ARN if self.cloud == "aws" else _URI).format(name)

    def secret(self, reference: str) -> str:
        """Return a secret of the cell, `` if it has no value."""
        from cellctl_provider.context import Context

        context = Context(dialer=self.dialer, sleep=self.view.sleep, credentials=self.credentials)
        with contextlib.closing(context):
            stored = context.secrets.get(reference)
        return stored.value if stored else ""

    def put_secret(self, name: str, value: str) -> None:
        """Give one of the cell's secrets a value."""
        from cellctl_provider.context import Context

        context = Context(dialer=self.dialer, sleep=self.view.sleep, credentials=self.credentials)
        with contextlib.closing(context):
            context.secrets.replace(self.reference(name), value)

    def provider(self) -> Provider:
        """Return a fresh provider, as a new process has it."""
        made = CellctlProviderFactory(
            dialer=self.dialer, sleep=self.view.sleep, credentials=lambda _variables: self.credentials
        )()
        made.configure(Configure(urn="", name="cellctl", type="", id="", variables={}, args={}))
        self._providers.append(made)
        return made

    def administrator(self, **changed: object) -> Struct:
        """Return inputs of an Administrator."""
        given = {
            **self._door(1),
            "username": "admin",
            "email": "admin@example.com",
            "passwordSecret": self.reference("administrator"),
            "serviceAccount": "cellctl",
            "apiKeySecret": self.reference("api-key"),
            "nodes": len(self.found),
        }
        return _struct(given | changed)

    def node(self, ordinal: int, **changed: object) -> Struct:
        """Return inputs of a Node."""
        given = {
            **self._door(ordinal),
            "nodeName": f"acme-{ordinal}",
            "machine": self.facts(ordinal).machine,
            "region": "eu-west-1",
            "version": OLD,
            "taskCap": 10,
            "apiKeySecret": self.reference("api-key"),
            "leader": "acme-1",
            "members": {node.name: node.address for node in self.found},
            "machines": {node.name: node.machine for node in self.found},
            "nodeLimit": 0,
            "drainSeconds": 600,
        }
        return _struct(given | changed)

    def queue_member(self, ordinal: int, **changed: object) -> Struct:
        """Return inputs of a QueueMember."""
        node = self.node(ordinal)
        given = {key: value for key, value in node.items() if key not in ("version", "nodeLimit")} | {
            "queueAddress": "master.cell-acme-queue.eu-west-1.cache.amazonaws.com:6379",
            "queueSecret": self.reference("queue-token"),
            "folder": "C:\\Octopus\\Shared\\cluster",
            "mount": "mount.exe -o 'nolock' '\\\\files.acme\\free-6' '*'",
        }
        return _struct(given | changed)

    def create(self, kind: str, name: str, inputs: Struct) -> Struct:
        """Create a resource with a fresh provider; return its outputs."""
        request = Create(urn=self.urn(kind, name), type=f"cellctl:octopus:{kind}", properties=inputs)
        return self.provider().create(request).properties

    def update(self, kind: str, name: str, olds: Struct, news: Struct) -> Struct:
        """Update a resource with a fresh provider; return its outputs."""
        request = Update(
            urn=self.urn(kind, name), type=f"cellctl:octopus:{kind}", id=name, olds=olds, old_inputs=olds, news=news
        )
        return self.provider().update(request).properties

    def read(self, kind: str, name: str, properties: Struct, *, id: str = "") -> Struct | None:
        """Read a resource; return its outputs, None if it is gone."""
        found = self.provider().read(
            Read(
                urn=self.urn(kind, name),
                type=f"cellctl:octopus:{kind}",
                id=id or name,
                properties=properties,
                inputs=dict(properties),
            )
        )
        return found.properties if found else None

    def delete(self, kind: str, name: str, properties: Struct) -> None:
        """Delete a resource with a fresh provider."""
        self.provider().delete(
            Delete(urn=self.urn(kind, name), type=f"cellctl:octopus:{kind}", id=name, properties=properties)
        )

    def urn(self, kind: str, name: str) -> str:
        """Return a resource's URN."""
        return _SUFFIX.format(self.cloud, self.cloud, f"cellctl:octopus:{kind}", name)

    def set_up(self, count: int = 0) -> list[Struct]:
        """Make the administrator and the nodes; return the nodes' outputs."""
        self.create("Administrator", "administrator", self.administrator())
        return [self.create("Node", f"acme-{n}", self.node(n)) for n in range(1, (count or len(self.found)) + 1)]

    def rows(self) -> dict[str, tuple[int, bool]]:
        """Return cap and drain of every registered node."""
        with self.cluster.moment("acme") as moment:
            return {row.name: (row.cap, row.draining) for row in moment.rows()}

    def versions(self) -> dict[str, str]:
        """Return what the nodes that are up run."""
        with self.cluster.moment("acme") as moment:
            return {node.name: moment.machines[node.name].version for node in moment.up}

    def api(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Ask the first node, as curl would."""
        route = self.route(1)
        with httpx.Client(verify=self.trust(), trust_env=False) as client:
            return client.request(
                method, route.url + path, json=body, headers=headers, extensions={"sni_hostname": HOST}
            )

    def route(self, ordinal: int) -> Route:
        """Return where a node answers."""
        return self.dialer.route(f"10.64.{ordinal}.21", 8080 if self.cloud == "aws" else 443)

    def trust(self) -> ssl.SSLContext:
        """Return what a client of this bench trusts."""
        return ssl.create_default_context(cadata=self.authority.trust_anchor)

    def age(self, ordinal: int, **changed: object) -> None:
        """Change what the simulated cloud knows of a node."""
        index = ordinal - 1
        self.found[index] = replace(self.found[index], **changed)  # type: ignore[arg-type]  # tests name real fields

    def close(self) -> None:
        """Stop the stand-ins and close all connections."""
        for provider in self._providers:
            provider.close()
        self._providers.clear()
        self.dialer.close()

    def _tell(self, machine: str, given: Mapping[str, str]) -> str:
        """Let a machine know of its queue, and reach it."""
        self.told.append({"machine": machine, **given})
        number = next(number for number, node in enumerate(self.found, 1) if node.machine == machine)
        self.age(number, queue="")
        return ""

    def _door(self, ordinal: int) -> dict[str, object]:
        address = f"10.64.{ordinal}.21"
        if self.cloud == "aws":
            return {"address": address, "port": 8080, "scheme": "http"}
        return {"address": address, "port": 443, "scheme": "https", "tlsName": HOST}

    def _put_secrets(self) -> None:
        for name in ("administrator", "api-key", "licence"):
            arn = self.reference(name)
            properties: Struct = {"arn": arn, "name": f"cells/acme/{name}"}
            if self.cloud == "aws":
                self.view.put(CloudObject(type="aws:secretsmanager/secret:Secret", id=arn, properties=properties))
        vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-acme"
        self.view.put(CloudObject(type="azure-native:keyvault:Vault", id=vault, properties={}))
        self.put_secret("administrator", PASSWORD)


def _struct(given: dict[str, object]) -> Struct:
    made: Struct = json.loads(json.dumps(given))
    return made

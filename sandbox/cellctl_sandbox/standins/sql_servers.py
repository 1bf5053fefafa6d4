"""Which SQL servers the simulated clouds have, for the SQL stand-in, and the secrets that RDS keeps for them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from cellctl.state.values import Struct, Value, bare, secret
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.tds.servers import DEFAULT_COLLATION, CloudDatabase, SqlServerFacts

RDS = "aws:rds/instance:Instance"
AZURE_SERVER = "azure-native:sql:Server"
AZURE_DATABASE = "azure-native:sql:Database"


class SqlServers:
    """Satisfies `ServerCatalogue` over the simulated clouds' objects. `documents` need a seal."""

    def __init__(self, documents: Documents, view: CloudView) -> None:
        self._documents = documents
        self._view = view

    def find(self, host: str) -> SqlServerFacts | None:
        """Return the server whose endpoint is `host`."""
        return next((one for one in self.servers() if one.host.casefold() == host.casefold()), None)

    def servers(self) -> Sequence[SqlServerFacts]:
        """Return all servers that exist now, those that are still being made among them."""
        rds = [self._rds(item) for item in self._view.objects(RDS) if item.text("address")]
        databases = self._view.objects(AZURE_DATABASE)
        return [*rds, *(self._azure(item, databases) for item in self._view.objects(AZURE_SERVER))]

    def managed(self, arn: str) -> str | None:
        """Return what RDS keeps in a secret of its own; None if it is not one of these."""
        for item in self._view.objects(RDS):
            if managed_secret(item) == arn:
                return json.dumps({"username": item.text("username"), "password": self._kept(arn)})
        return None

    def _rds(self, item: CloudObject) -> SqlServerFacts:
        kept = managed_secret(item)
        return SqlServerFacts(
            host=item.text("address"),
            kind="rds",
            incarnation=f"{item.text('resourceId')}@{item.born_s:.3f}",
            port=_port(item.properties.get("port")),
            administrator=item.text("username"),
            administrator_password=self._kept(kept) if kept else item.text("password"),
            collation=item.text("characterSetName") or DEFAULT_COLLATION,
            multi_az=item.properties.get("multiAz") is True,
            accepting=item.born_s <= self._view.now(),
        )

    def _azure(self, item: CloudObject, databases: Sequence[CloudObject]) -> SqlServerFacts:
        name = item.id.rpartition("/")[2]
        inside = [one for one in databases if one.id.lower().startswith(f"{item.id.lower()}/databases/")]
        sid = administrator_of(item)
        return SqlServerFacts(
            host=item.text("fullyQualifiedDomainName") or f"{name}.database.windows.net",
            kind="azure",
            incarnation=f"{item.id}@{item.born_s:.3f}",
            administrator=item.text("administratorLogin"),
            administrator_password=item.text("administratorLoginPassword"),
            entra_administrators=[sid] if sid else [],
            databases=[_database(one) for one in inside],
            accepting=item.born_s <= self._view.now(),
        )

    def _kept(self, arn: str) -> str:
        """Return the administrator's password in a secret that RDS keeps, made when it is first asked for."""
        with self._documents.transaction() as transaction:
            document = transaction.get("managed", arn)
            if document is None:
                document = {"password": secret(secrets.token_urlsafe(24))}
                transaction.put("managed", arn, document)
        return str(bare(document["password"]))


def managed_secret(item: CloudObject) -> str:
    """Return the ARN of the secret that RDS keeps for an instance, `` if it keeps none."""
    listed = item.properties.get("masterUserSecrets")
    first: Value = listed[0] if isinstance(listed, list) and listed else None
    return str(first.get("secretArn", "")) if isinstance(first, dict) else ""


def administrator_of(server: CloudObject) -> str:
    """Return the object id of an Azure SQL server's Entra administrator, `` if it has none."""
    administrators = bare(server.properties.get("administrators"))
    return str(administrators.get("sid", "")) if isinstance(administrators, dict) else ""


def _database(item: CloudObject) -> CloudDatabase:
    properties: Struct = item.properties
    collation = properties.get("collation")
    name = item.id.rpartition("/")[2]
    return CloudDatabase(name=name, collation=collation if isinstance(collation, str) else DEFAULT_COLLATION)


def _port(value: Value) -> int:
    return int(value) if isinstance(value, int | float) and value else 1433

"""AWS Secrets Manager's data plane: values of secrets that exist as objects of the simulated cloud."""

from __future__ import annotations

import re
import secrets
import string
import uuid
from collections.abc import Callable, Iterator

from cellctl.state.values import Struct, bare, secret
from cellctl_sandbox.standins.aws_json import ApiError, Call, Interference, JsonService, Undisturbed
from cellctl_sandbox.standins.cloud_view import CloudObject, CloudView
from cellctl_sandbox.standins.documents import Documents

SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105  a type token
VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
_NO_SECRET = "Secrets Manager can't find the specified secret."  # noqa: S105
_NO_VALUE = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
_ADDED = re.compile(r"-[A-Za-z0-9]{6}$")
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


class SecretsManager:
    """What the API does. `managed` gives the value of a secret that another service keeps (RDS), None of others.

    `refusal` says why the caller may not do something with the key of a cell's secret, `` if it may.
    """

    def __init__(
        self,
        documents: Documents,
        view: CloudView,
        *,
        managed: Callable[[str], str | None],
        refusal: Callable[[str, str, str], str],
    ) -> None:
        self._refusal = refusal
        self._documents = documents
        self._view = view
        self._managed = managed

    def get_value(self, call: Call) -> Struct:
        """Return the current version of a secret, or the one that is asked for."""
        asked = call.text("SecretId")
        kept = self._managed(asked)
        if kept is not None:
            return _answer(asked, "managed", str(uuid.uuid5(uuid.NAMESPACE_URL, asked)), kept)
        item = self._secret(call)
        self._unsealed(item, "kms:Decrypt")
        versions = self._versions(item)
        wanted = call.text("VersionId")
        found = [version for version in versions if version["id"] == wanted] if wanted else versions[-1:]
        if not found or call.text("VersionStage") not in ("", "AWSCURRENT"):
            raise ApiError("ResourceNotFoundException", _NO_VALUE)
        value = str(bare(found[0]["value"]))
        return _answer(item.text("arn"), item.text("name"), str(found[0]["id"]), value)

    def put_value(self, call: Call) -> Struct:
        """Add a version and make it current; a token that was used is refused unless the value is the same."""
        item = self._secret(call)
        self._unsealed(item, "kms:GenerateDataKey", "kms:Decrypt")
        token = call.text("ClientRequestToken") or str(uuid.uuid4())
        if "SecretString" not in call.parameters:
            raise ApiError("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
        self._versions(item)
        with self._documents.transaction() as transaction:
            document = transaction.get("secret", item.text("arn")) or {"versions": []}
            versions = _listed(document)
            same = [version for version in versions if version["id"] == token]
            if same and bare(same[0]["value"]) != call.text("SecretString"):
                message = "You can't use ClientRequestToken of a version whose value is another one."
                raise ApiError("ResourceExistsException", message)
            if not same:
                versions.append({"id": token, "value": secret(call.text("SecretString"))})
                transaction.put("secret", item.text("arn"), {"versions": [*versions]})
        return _named(item) | {"VersionId": token, "VersionStages": ["AWSCURRENT"]}

    def describe(self, call: Call) -> Struct:
        """Describe a secret without its value."""
        item = self._secret(call)
        versions = self._versions(item)
        stages: Struct = {str(version["id"]): ["AWSPREVIOUS"] for version in versions[-2:-1]}
        stages |= {str(version["id"]): ["AWSCURRENT"] for version in versions[-1:]}
        described = _named(item) | {"VersionIdsToStages": stages}
        if item.text("kmsKeyId"):
            described["KmsKeyId"] = item.text("kmsKeyId")
        return described

    def random_password(self, call: Call) -> Struct:
        """Return a random password by the request's rules."""
        given = call.parameters
        letters = [
            "" if given.get("ExcludeLowercase") else string.ascii_lowercase,
            "" if given.get("ExcludeUppercase") else string.ascii_uppercase,
            "" if given.get("ExcludeNumbers") else string.digits,
            "" if given.get("ExcludePunctuation") else _PUNCTUATION,
            " " if given.get("IncludeSpace") else "",
        ]
        excluded = call.text("ExcludeCharacters")
        allowed = "".join(letter for letter in "".join(letters) if letter not in excluded)
        if not allowed:
            raise ApiError("InvalidParameterException", "No characters are left to choose from.")
        length = given.get("PasswordLength", 32)
        count = int(length) if isinstance(length, int) else 32
        return {"RandomPassword": "".join(secrets.choice(allowed) for _ in range(count))}

    def _secret(self, call: Call) -> CloudObject:
        asked = call.text("SecretId")
        for item in self._view.objects(SECRET):
            here = item.region in ("", call.region)
            if here and asked in (item.text("arn"), *_partial(item.text("arn")), item.text("name")):
                return item
        raise ApiError("ResourceNotFoundException", _NO_SECRET)

    def _unsealed(self, item: CloudObject, *actions: str) -> None:
        """Refuse what the caller may not do with a secret's key (Secrets Manager user guide, Secret encryption)."""
        key = item.text("kmsKeyId")
        if not key.startswith("arn:"):
            return  # the account's own key for secrets, or one by an alias of the service
        for action in actions:
            why = self._refusal(item.cell, action, key)
            if why:
                raise ApiError("AccessDeniedException", f"Access to KMS is not allowed: {why}")

    def _versions(self, item: CloudObject) -> list[Struct]:
        """Return the versions, oldest first; one that a program declared is taken in as the first."""
        arn = item.text("arn")
        with self._documents.transaction() as transaction:
            document = transaction.get("secret", arn)
        if document is not None:
            return _listed(document)
        declared: list[Struct] = [
            {"id": version.text("versionId") or str(uuid.uuid4()), "value": secret(version.text("secretString"))}
            for version in self._view.objects(VERSION)
            if version.text("secretId") in (arn, item.id, item.text("name")) and version.text("secretString")
        ]
        if declared:
            with self._documents.transaction() as transaction:
                transaction.put("secret", arn, {"versions": [*declared]})
        return declared


def secrets_manager_service(
    documents: Documents,
    view: CloudView,
    *,
    managed: Callable[[str], str | None] = lambda _arn: None,
    refusal: Callable[[str, str, str], str] = lambda _cell, _action, _resource: "",
    interference: Interference | None = None,
) -> JsonService:
    """Return the service over `documents` (which needs a seal) and the simulated cloud's objects."""
    manager = SecretsManager(documents, view, managed=managed, refusal=refusal)
    return JsonService(
        name="secretsmanager",
        operations={
            "GetSecretValue": manager.get_value,
            "PutSecretValue": manager.put_value,
            "DescribeSecret": manager.describe,
            "GetRandomPassword": manager.random_password,
        },
        interference=interference or Undisturbed(),
    )


def _partial(arn: str) -> Iterator[str]:
    """Yield the ARN without the hyphen and six characters that the service added, if that finds the secret.

    What ends like a complete ARN is taken for one. Source: Secrets Manager user guide, "Finding a secret from a partial
    ARN", 2026-11.
    """
    start = _ADDED.sub("", arn)
    if start != arn and not _ADDED.search(start):
        yield start


def _listed(document: Struct) -> list[Struct]:
    versions = document.get("versions")
    return [item for item in versions if isinstance(item, dict)] if isinstance(versions, list) else []


def _named(item: CloudObject) -> Struct:
    return {"ARN": item.text("arn"), "Name": item.text("name")}


def _answer(arn: str, name: str, version: str, value: str) -> Struct:
    stages = ["AWSCURRENT"]
    return {"ARN": arn, "Name": name, "VersionId": version, "SecretString": value, "VersionStages": [*stages]}

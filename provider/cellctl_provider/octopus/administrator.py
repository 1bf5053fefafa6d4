"""`cellctl:octopus:Administrator`: whom people sign in as first, and as whom cellctl asks: a service account's API key.

The bootstrap of the first node makes the administrator, because only Octopus' own command line can. From then on this
resource keeps its name and e-mail, makes one service account with one API key, puts that key into the cell's secret
store, and installs the licence. State and outputs hold references and ids, never a value.
"""

from __future__ import annotations

from cellctl.state.values import Struct, bare
from cellctl_provider.context import Context
from cellctl_provider.hosts.supplied import supplied
from cellctl_provider.inputs import Field, check, diff, needed, preview_of, text
from cellctl_provider.octopus.api import OctopusApi, opened
from cellctl_provider.octopus.api import text as member
from cellctl_provider.octopus.doors import DOOR_FIELDS, door_of
from cellctl_provider.octopus.licence import node_limit
from cellctl_provider.octopus.service_account import ServiceAccount
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

OUTPUTS = ("userId", "serviceAccountId", "keyId", "nodeLimit")
_REFERENCE = r"arn:.*:secretsmanager:.*|https://[a-zA-Z0-9-]{3,24}\.vault\.azure\.net/secrets/[0-9a-zA-Z-]{1,127}"
_REASON = "must be the ARN of a secret or the URI of a Key Vault secret"
FIELDS = (
    *DOOR_FIELDS,
    Field(name="username", kind="text", required=True, pattern=r"[^\x00-\x1f]{1,64}", reason="has 1 to 64 characters"),
    Field(name="email", kind="text", required=True, pattern=r"[^@\s]+@[^@\s]+", reason="must be an e-mail address"),
    Field(name="passwordSecret", kind="text", required=True, pattern=_REFERENCE, reason=_REASON),
    Field(name="serviceAccount", kind="text", default="cellctl", pattern=r"[A-Za-z0-9._-]{1,64}"),
    Field(name="apiKeySecret", kind="text", required=True, pattern=_REFERENCE, reason=_REASON),
    Field(name="licenceSecret", kind="text", pattern=_REFERENCE, reason=_REASON),
    Field(name="nodes", kind="whole", default=1),
)
BOOT_LIMIT_S = 5400.0
"""How long a first node may take to answer: machine, mounts, installer, schema (reference/azure.md: 90 minutes)."""
_EVERY_S = 15.0
_LICENCE = "/api/licenses/licenses-current"


class AdministratorHandler:
    """Serves `cellctl:octopus:Administrator`. Its id is that of the service account."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def check(self, request: Check) -> Checked:
        """Validate inputs; every secret is a reference."""
        checked = check(FIELDS, request)
        if bare(checked.inputs.get("username")) == bare(checked.inputs.get("serviceAccount")):
            failure = CheckFailure(property="serviceAccount", reason="is the name of the administrator")
            return Checked(inputs=checked.inputs, failures=(*checked.failures, failure))
        return checked

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs; all of them change in place."""
        return diff(FIELDS, request)

    def create(self, request: Create) -> Created:
        """Wait for the first node, then make or take over everything, each step looked at first."""
        if request.preview:
            return Created(id="", properties=preview_of(request.properties, OUTPUTS))
        self._await_node(request.properties)
        outputs = self._ensure(request.properties, former="")
        return Created(id=str(outputs["serviceAccountId"]), properties=request.properties | outputs)

    def update(self, request: Update) -> Updated:
        """Rename the administrator, change the e-mail, install another licence, repair what drifted."""
        if request.preview:
            return Updated(properties=preview_of(request.news, ("nodeLimit",)))
        return Updated(properties=request.news | self._ensure(request.news, former=text(request.olds, "userId")))

    def read(self, request: Read) -> Found | None:
        """Look whether the service account is there; None only if Octopus says that it is not.

        Where another licence is installed than its secret holds, the inputs found name none: the next update mends it.
        """
        inputs = dict(request.inputs or request.properties)
        stored = self._context.secrets.get(needed(inputs, "apiKeySecret"))
        if stored is None:
            return None
        with opened(self._context.dialer, door_of(inputs, "first"), key=stored.value) as api:
            try:
                people = api.objects("/api/users/all")
            except ProviderError as error:
                if error.code == "auth":
                    return None  # no such key: whoever runs `up` makes another
                raise
            licence = self._seen_licence(api, inputs)
        if all(member(item, "Id") != request.id for item in people):
            return None
        seen = next((item for item in people if member(item, "Id") == text(request.properties, "userId")), None)
        found = {} if seen is None else {"username": member(seen, "Username"), "email": member(seen, "EmailAddress")}
        found |= licence
        for output in OUTPUTS:
            inputs.pop(output, None)
        return Found(id=request.id, properties={**request.properties, **found}, inputs={**inputs, **found})

    def delete(self, request: Delete) -> None:
        """Take the service account's keys away and close it; the administrator and the licence are the customer's.

        A cell whose nodes are gone keeps the key in its secret store beside the database, and finds it again.
        """
        reference = text(request.properties, "apiKeySecret")
        stored = self._context.secrets.get(reference) if reference else None
        if stored is None:
            return
        try:
            with opened(self._context.dialer, door_of(request.properties, "first"), key=stored.value) as api:
                ServiceAccount(self._context, api, text(request.properties, "serviceAccount"), reference).close()
        except ProviderError as error:
            if error.code not in ("unreachable", "auth"):
                raise

    def _await_node(self, inputs: Struct) -> None:
        def answers() -> bool | None:
            try:
                with opened(self._context.dialer, door_of(inputs, "first")) as api:
                    return True if api.ping() in (200, 418) else None
            except ProviderError as error:
                if error.code == "unreachable":
                    return None
                raise

        poll(self._context, answers, what="the first node answering", every_s=_EVERY_S, limit_s=BOOT_LIMIT_S)

    def _ensure(self, inputs: Struct, *, former: str) -> Struct:
        licence = self._licence(inputs)
        limit = node_limit(licence) if licence else 0
        wanted = int(number) if isinstance(number := bare(inputs.get("nodes")), int | float) else 1
        if licence and wanted > limit:
            raise ProviderError(f"the licence allows {limit} nodes, and the cell has {wanted}", code="quota")
        with opened(self._context.dialer, door_of(inputs, "first")) as api:
            name, reference = text(inputs, "serviceAccount"), needed(inputs, "apiKeySecret")
            account = ServiceAccount(self._context, api, name, reference)
            if not account.key_works():
                self._sign_in(api, inputs, former)
                account.ensure()
            user_id = self._person(api, inputs, former)
            if licence and member(api.object("GET", _LICENCE), "LicenseText") != licence:
                api.object("PUT", _LICENCE, {"LicenseText": licence})
            return {
                "userId": user_id, "serviceAccountId": account.id, "keyId": account.key_id, "nodeLimit": limit,
            }  # fmt: skip

    def _sign_in(self, api: OctopusApi, inputs: Struct, former: str) -> None:
        password = self._context.secrets.read(needed(inputs, "passwordSecret"))
        try:
            api.sign_in(needed(inputs, "username"), password)
        except ProviderError as error:
            if error.code != "auth":
                raise
            known = " or its service account was closed" if former else ""
            raise ProviderError(
                f"{error.message} that {text(inputs, 'passwordSecret')} holds: it was changed{known}. Put the present "
                "password into that secret, then run again",
                code="auth",
            ) from None

    def _person(self, api: OctopusApi, inputs: Struct, former: str) -> str:
        """Give the administrator the wanted name and e-mail; return the id."""
        people = api.objects("/api/users/all")
        username, email = needed(inputs, "username"), needed(inputs, "email")
        named = next((item for item in people if member(item, "Username").casefold() == username.casefold()), None)
        known = next((item for item in people if member(item, "Id") == former), None)
        person = known or named
        if person is None:
            raise ProviderError(f"Octopus has no user '{username}'", code="not_found")
        if known and named and member(known, "Id") != member(named, "Id"):
            raise ProviderError(f"'{username}' is the name of another user of this Octopus", code="conflict")
        user_id = member(person, "Id")
        if (member(person, "Username"), member(person, "EmailAddress")) != (username, email):
            whole = api.object("GET", f"/api/users/{user_id}")
            api.object("PUT", f"/api/users/{user_id}", {**whole, "Username": username, "EmailAddress": email})
        return user_id

    def _seen_licence(self, api: OctopusApi, inputs: Struct) -> dict[str, str]:
        """Return what Read says of the licence: no secret where Octopus has another; nothing if that is unknown."""
        try:
            wanted = self._licence(inputs)
        except ProviderError:
            return {}
        return {"licenceSecret": ""} if wanted and member(api.object("GET", _LICENCE), "LicenseText") != wanted else {}

    def _licence(self, inputs: Struct) -> str:
        reference = text(inputs, "licenceSecret")
        if not reference:
            return ""
        try:
            return supplied(reference) or self._context.secrets.read(reference)
        except ProviderError as error:
            if error.code != "not_found":
                raise
            raise ProviderError(
                f"the licence is to be in {reference}, which has no value: put it there, then run again",
                code="not_found",
            ) from None

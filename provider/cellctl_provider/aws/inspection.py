"""Looks into an AWS account before the first cell: roles, zones, images, quotas, and where states go. Changes nothing.

Each role is assumed as a run assumes it; everything else is asked as the role that only looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from cellctl.facts.accounts import Needs, Quota
from cellctl.facts.asking import questions
from cellctl.facts.conditions import at, every
from cellctl.state.values import Struct
from cellctl_provider.aws.quotas import AwsQuotas, said
from cellctl_provider.credentials import FederatedCredentials
from cellctl_provider.protocol import ProviderError
from cellctl_provider.seen import Level, Seen

if TYPE_CHECKING:
    from boto3 import Session

Sessions = Callable[[str, str], "Session"]
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")


def inspect(
    *,
    account: str,
    roles: Mapping[str, str],
    regions: Sequence[str],
    state: str,
    secrets: str,
    needs: Needs,
    tenant: str = "",
    private_zones: str = "",
    environment: Mapping[str, str] | None = None,
    sessions: Sessions | None = None,
) -> Iterator[Seen]:
    """Yield what is there and what is not; `tenant`, `private_zones` and `environment` are of other clouds.

    `roles` are ARNs by what they are for, the one that only looks first; `state` and `secrets` are URLs as
    `cellctl.yaml` has them. `sessions` makes a session of a role in a region: by default the role is assumed, and must
    be of `account`.
    """
    del tenant, private_zones, environment
    made = sessions or _assumed(account)
    region = regions[0] if regions else "eu-west-1"
    taken: dict[str, Session] = {}
    for use, role in roles.items():
        session, seen = _role(made, use, role, region)
        yield seen
        if session is not None:
            taken[role] = session
    if not taken:
        return
    role, looking = next(iter(taken.items()))  # the one that only looks comes first
    for each in regions or (region,):
        yield from _region(looking if each == region else made(role, each), each, needs)
    yield from _state(looking, state)
    yield from _key(looking, secrets)


def _assumed(account: str) -> Sessions:
    def session(role: str, region: str) -> Session:
        variables = {"cellctl:config:awsRole": role, "cellctl:config:awsAccount": account}
        return FederatedCredentials(variables).aws(region)

    return session


def _role(sessions: Sessions, use: str, role: str, region: str) -> tuple[Session | None, Seen]:
    if not role:
        remedy = "cellctl account up NAME makes both roles and prints the lines for cellctl.yaml"
        return None, Seen(subject="role", level="missing", message=f"no role for {use} is named", remedy=remedy)
    try:
        session = sessions(role, region)
        who = session.client("sts").get_caller_identity()
    except ProviderError as error:
        remedy = "sign in to AWS here (aws sso login, a web identity, an instance profile), or mend cellctl.yaml"
        return None, Seen(subject="role", level="missing", message=f"{use}: {error.message}", remedy=remedy)
    except Exception as error:  # what botocore raises has no common base
        remedy = f"let {role} trust the identity that this machine has"
        return None, Seen(subject="role", level="missing", message=f"{use}: {said(error)}", remedy=remedy)
    return session, Seen(subject="role", level="ok", message=f"{use}: {who['Arn']} in account {who['Account']}")


def _region(session: Session, region: str, needs: Needs) -> Iterator[Seen]:
    zones, why = _asked(lambda: session.client("ec2").describe_availability_zones())
    if zones is None:
        yield _unseen("zones", f"{region}: {why}")
    else:
        there = every(zones, "AvailabilityZones")
        names = sorted(str(at(zone, "ZoneName")) for zone in there if at(zone, "State") == "available")
        level: Level = "ok" if len(names) >= needs.zones else "missing"
        yield Seen(subject="zones", level=level, message=f"{region}: {', '.join(names) or 'none is available'}")
    for use, name in needs.images.items():
        yield _image(session, region, use, name)
    for quota in needs.quotas:
        yield _quota(session, region, quota)


def _image(session: Session, region: str, use: str, name: str) -> Seen:
    found, why = _asked(lambda: session.client("ssm").get_parameter(Name=name))
    if found is not None:
        return Seen(subject="image", level="ok", message=f"{region}: {use} {at(found, 'Parameter.Value')}")
    if "ParameterNotFound" in why:
        return Seen(subject="image", level="missing", message=f"{region} has no image for the {use}: {name}")
    return _unseen("image", f"{region}: {use}: {why}")


def _quota(session: Session, region: str, quota: Quota) -> Seen:
    found = AwsQuotas(lambda _: session).usage(quota.name, inside="", region=region) or {}
    limit, used, doubt = found.get("limit"), found.get("used"), str(found.get("doubt") or "")
    counted = f"{used} of {limit} are in use" if isinstance(used, int) else f"{limit}"
    message = f"{region}: {quota.name}: {counted} ({found.get('because')}), and a dedicated cell takes {quota.cell}"
    room = int(str(limit)) - (used if isinstance(used, int) else 0)
    if room < quota.cell:
        question = questions("aws")[quota.name].granted
        more = f"ask for more in Service Quotas{f': {question.code} of {question.service}' if question else ''}"
        return Seen(subject="quota", level="missing", message=message, remedy=more)
    if doubt:
        remedy = "the role that looks may not ask for this" if any(code in doubt for code in _DENIED) else ""
        return Seen(subject="quota", level="note", message=f"{message}; not known: {doubt}", remedy=remedy)
    return Seen(subject="quota", level="ok", message=message)


def _state(session: Session, url: str) -> Iterator[Seen]:
    """Look at the bucket of states: it is the only copy of what is where, so older versions must be kept."""
    parts = urlsplit(url)
    if parts.scheme != "s3":
        yield Seen(subject="state", level="note", message=f"{url or 'nothing'} is not looked at: it is no bucket of S3")
        return
    found, why = _asked(lambda: session.client("s3").get_bucket_versioning(Bucket=parts.netloc))
    if found is None:
        level: Level = "missing" if "NoSuchBucket" in why else "note"
        yield Seen(subject="state", level=level, message=f"bucket {parts.netloc}: {why}")
    elif found.get("Status") != "Enabled":
        remedy = "turn versioning on: a state that was overwritten is gone without it"
        yield Seen(
            subject="state", level="warning", message=f"bucket {parts.netloc} keeps no older versions", remedy=remedy
        )
    else:
        yield Seen(subject="state", level="ok", message=f"bucket {parts.netloc}, versioned")


def _key(session: Session, url: str) -> Iterator[Seen]:
    parts = urlsplit(url)
    if parts.scheme != "awskms":
        message = f"{url or 'nothing'} is not looked at: it is no key of KMS"
        yield Seen(subject="secrets", level="note", message=message)
        return
    name = (parts.netloc + parts.path).removeprefix("/")
    region = parse_qs(parts.query).get("region", [session.region_name])[0]
    found, why = _asked(lambda: session.client("kms", region_name=region).describe_key(KeyId=name))
    if found is None:
        level: Level = "missing" if "NotFound" in why else "note"
        yield Seen(subject="secrets", level=level, message=f"key {name}: {why}")
        return
    status = str(at(found, "KeyMetadata.KeyState"))
    yield Seen(subject="secrets", level="ok" if status == "Enabled" else "missing", message=f"key {name}: {status}")


def _asked(ask: Callable[[], Struct]) -> tuple[Struct | None, str]:
    """Return an answer, or None and why there is none."""
    try:
        return ask(), ""
    except Exception as error:  # what botocore raises has no common base
        return None, said(error)


def _unseen(subject: str, why: str) -> Seen:
    remedy = "the role that looks may not ask for this" if any(code in why for code in _DENIED) else ""
    return Seen(subject=subject, level="note", message=f"not known: {why}", remedy=remedy)

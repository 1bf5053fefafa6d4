"""A signed approval of many plans: who signed it, of which cells, until when; keys in files, KMS and Key Vault."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cellctl.approval import Approval, digest
from cellctl.errors import CellctlError, EngineError, GuardError, StaleApproval, UsageError
from cellctl.home.file import loads_home
from cellctl.manifest import Manifest, approve, manifest_json, manifest_of, require
from cellctl.plan import Change, Plan, plan_hash
from cellctl.signing import Signer, key_text, open_signer, verified
from cellctl.views.saved_plan import approval_of, saved_plan
from cellctl_provider.aws.signing import KmsSigner
from cellctl_provider.azure.signing import KeyVaultSigner
from cellctl_provider.azure.signing import open_signer as open_vault

Key = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
NOW = 1_800_000_000.0


def plan(cell: str = "acme", **more: str) -> Approval:
    urn = f"urn:pulumi:cell-{cell}::octopus-cells::aws:ec2/vpc:Vpc::{more.pop('name', 'v')}"
    change = Change(urn=urn, type="aws:ec2/vpc:Vpc", name="v", action="create")
    draft = Plan(cell=cell, cloud="aws", account="prod", operation="up", changes=(change,), **more)  # type: ignore[arg-type]
    return Approval(plan=replace(draft, hash=plan_hash(draft)), saved_at=NOW, expires_at=NOW * 2)


def written(path: Path, key: Key, mode: int = 0o600) -> str:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(mode)
    return str(path)


def der(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(params=["ed25519", "es256"])
def signer(request: pytest.FixtureRequest, tmp_path: Path) -> Signer:
    made: Key = ed25519.Ed25519PrivateKey.generate()
    if request.param == "es256":
        made = ec.generate_private_key(ec.SECP256R1())
    return open_signer(written(tmp_path / "key.pem", made), {})


def refused(manifest: Manifest, approval: Approval, signers: list[str], now: float = NOW) -> CellctlError:
    with pytest.raises((GuardError, StaleApproval)) as found:
        require(manifest, approval, signers=signers, now=now)
    return found.value


def code(error: CellctlError) -> tuple[int, str]:
    code = error.objections[0].code if isinstance(error, GuardError) else error.code
    return int(error.exit_code), code


def test_one_file_approves_many_cells_each_by_its_own_plan(signer: Signer) -> None:
    plans = [plan(f"cell-{number}") for number in range(300)]
    manifest = manifest_of(json.dumps(manifest_json(approve(plans, signer, expires_at=NOW + 60))))
    signers = [key_text(signer.public_key)]
    for approval in (plans[0], plans[299]):
        again = approval_of(json.dumps(saved_plan(approval)))
        assert digest(again) == digest(approval)
        require(manifest, again, signers=signers, now=NOW)
    assert code(refused(manifest, plan("other"), signers)) == (6, "approval_elsewhere")
    assert code(refused(manifest, replace(plans[0], plan=replace(plans[0].plan, account="dev")), signers)) == (
        6, "approval_elsewhere"
    )  # fmt: skip
    for moved in (
        plan("cell-0", name="w"), plan("cell-0", checkpoint_digest="x"), plan("cell-0", spec_digest="x"),
        replace(plans[0], expires_at=NOW * 3),
    ):  # fmt: skip
        assert "another plan of 'cell-0'" in str(refused(manifest, moved, signers))
    assert code(refused(manifest, plans[0], signers, now=NOW + 60)) == (6, "approval_expired")


def test_whatever_is_altered_breaks_the_signature(signer: Signer) -> None:
    signers = [key_text(signer.public_key)]
    good = approve([plan("a"), plan("b")], signer, expires_at=NOW + 60)
    stranger = key_text(der(ed25519.Ed25519PrivateKey.generate()))
    (first, second) = good.lines
    for bad in (
        replace(good, expires_at=good.expires_at + 1), replace(good, id="0"), replace(good, signed_at=0),
        replace(good, lines=(first,)), replace(good, lines=(first, replace(second, plan=first.plan))),
        replace(good, signature=good.signature[:-1] + bytes([good.signature[-1] ^ 1])), replace(good, signature=b""),
        replace(good, key=stranger),
    ):  # fmt: skip
        assert code(refused(bad, plan("a"), [*signers, stranger])) == (4, "approval_altered")


def test_only_those_named_may_approve(signer: Signer, tmp_path: Path) -> None:
    other = open_signer(written(tmp_path / "other.pem", ed25519.Ed25519PrivateKey.generate()), {})
    manifest = approve([plan()], other, expires_at=NOW + 60)
    assert code(refused(manifest, plan(), [key_text(signer.public_key)])) == (4, "approval_signer")
    assert "nobody is named" in str(refused(manifest, plan(), []))
    assert not verified("rsa:AAAA", b"", b"")


def test_a_plan_that_ended_or_a_cell_twice_is_not_approved(signer: Signer) -> None:
    with pytest.raises(UsageError, match="may not be applied any more"):
        approve([replace(plan(), expires_at=1.0)], signer, expires_at=NOW)
    with pytest.raises(UsageError, match="two plans of 'acme'"):
        approve([plan(), plan(name="w")], signer, expires_at=NOW)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": "2"}', "[" * 100_000, "null"])
def test_what_is_no_approval_is_wrong_input(text: str) -> None:
    with pytest.raises(UsageError, match="is no approval"):
        manifest_of(text)


def test_a_key_that_others_may_read_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(UsageError, match="others may read"):
        open_signer(written(tmp_path / "open.pem", key, 0o644), {})
    curve = open_signer(written(tmp_path / "p384.pem", ec.generate_private_key(ec.SECP384R1())), {})
    with pytest.raises(UsageError, match="neither ed25519 nor"):
        key_text(curve.public_key)
    for reference in (str(tmp_path / "none.pem"), "gcpkms://x", "awskms:///alias/x", "azurekeyvault://x/keys/y"):
        with pytest.raises(UsageError) as wrong:
            open_signer(reference, {})
        assert wrong.value.code == "bad_key"


@pytest.mark.parametrize(
    ("spec", "algorithm", "make"),
    [
        ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", ed25519.Ed25519PrivateKey.generate),
        ("ECC_NIST_P256", "ECDSA_SHA_256", lambda: ec.generate_private_key(ec.SECP256R1())),
    ],
)
def test_a_key_in_kms_signs_with_what_it_has(spec: str, algorithm: str, make: Callable[[], Key]) -> None:
    key, message = make(), b"cellctl approval 1\nabc"
    signature = (
        key.sign(message) if isinstance(key, ed25519.Ed25519PrivateKey) else key.sign(message, ec.ECDSA(SHA256()))
    )
    client = boto3.client("kms", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as service:  # holds requests and answers to the service's own model
        service.add_response("get_public_key", {"KeySpec": spec, "PublicKey": der(key)}, {"KeyId": "alias/a"})
        asked = {"KeyId": "alias/a", "Message": message, "MessageType": "RAW", "SigningAlgorithm": algorithm}
        service.add_response("sign", {"Signature": signature}, asked)
        service.add_client_error("sign", "AccessDeniedException", "no")
        signer = KmsSigner(client, "alias/a")
        assert verified(key_text(signer.public_key), signer.sign(message), message)
        with pytest.raises(EngineError, match="AccessDeniedException"):
            signer.sign(message)


def test_a_key_in_a_vault_signs_with_p256(tmp_path: Path) -> None:
    key, message = ec.generate_private_key(ec.SECP256R1()), b"cellctl approval 1\nabc"
    numbers = key.public_key().public_numbers()
    id_ = f"https://kv-a.vault.azure.net/keys/approvals/{'0' * 32}"

    def text(number: int) -> str:
        return base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("=")

    def vault(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer t"
        if request.method == "GET":
            crv = "P-384" if "wrong" in request.url.path else "P-256"
            body = {"kid": id_, "kty": "EC", "crv": crv, "x": text(numbers.x), "y": text(numbers.y)}
            return httpx.Response(200, json={"key": body})
        assert str(request.url) == f"{id_}/sign?api-version=7.4"
        asked = json.loads(request.content)
        value = base64.urlsafe_b64decode(asked["value"] + "=")
        assert (asked["alg"], value) == ("ES256", sha256(message).digest())
        r, s = decode_dss_signature(key.sign(value, ec.ECDSA(Prehashed(SHA256()))))
        pair = base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode().rstrip("=")
        return httpx.Response(200, json={"kid": id_, "value": pair})

    with httpx.Client(transport=httpx.MockTransport(vault)) as client:
        signer = KeyVaultSigner(client, "https://kv-a.vault.azure.net/keys/approvals", "t")
        assert key_text(signer.public_key) == key_text(der(key))
        assert verified(key_text(signer.public_key), signer.sign(message), message)
        with pytest.raises(UsageError, match="no key of the curve P-256"):
            KeyVaultSigner(client, "https://kv-a.vault.azure.net/keys/wrong", "t")
    with pytest.raises(UsageError, match="AZURE_TENANT_ID"):
        open_vault("azurekeyvault://kv-a.vault.azure.net/keys/approvals", {})


def test_who_may_approve_stands_in_the_home_file(signer: Signer) -> None:
    key = key_text(signer.public_key)
    section = f"approval: {{signers: ['{key}']}}"
    text = f"{section}\naccounts:\n  prod: {{cloud: aws, id: '123456789012', {section}}}\n"
    found = loads_home(text)
    assert found.signers == found.accounts["prod"].signers == (key,)
    with pytest.raises(CellctlError, match="must be a public key"):
        loads_home("approval: {signers: [somebody]}")

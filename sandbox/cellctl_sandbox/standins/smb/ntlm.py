"""The server's half of NTLMv2 (MS-NLMP 3.3.2, 2024-04): a challenge, and the proof that a user knows the password."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from spnego._ntlm_raw.crypto import hmac_md5, ntowfv1, ntowfv2, rc4k  # no public name verifies a response
from spnego._ntlm_raw.messages import (
    Authenticate,
    AvId,
    Challenge,
    MessageType,
    NegotiateFlags,
    NTLMMessage,
    TargetInfo,
)

_FLAGS = (
    NegotiateFlags.unicode | NegotiateFlags.ntlm | NegotiateFlags.target_type_domain | NegotiateFlags.target_info
    | NegotiateFlags.request_target | NegotiateFlags.always_sign | NegotiateFlags.sign | NegotiateFlags.seal
    | NegotiateFlags.extended_session_security | NegotiateFlags.key_exch | NegotiateFlags.key_128
)  # fmt: skip
_PROOF = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """A user who proved the password, by the bare name in lower case, and the key of the session."""

    user: str
    key: bytes


class Exchange:
    """One user's way in. `password` gives that of a user by the bare name in lower case, None for nobody's."""

    def __init__(self, domain: str, password: Callable[[str], str | None]) -> None:
        self._domain, self._password = domain, password
        self._challenge = secrets.token_bytes(8)

    def challenge(self) -> bytes:
        """Return the answer to a client's first message."""
        info = TargetInfo()
        info[AvId.nb_domain_name] = self._domain.partition(".")[0].upper()
        info[AvId.dns_domain_name] = self._domain
        domain = self._domain.partition(".")[0].upper()
        return Challenge(_FLAGS, self._challenge, target_name=domain, target_info=info).pack()

    def proven(self, token: bytes) -> SignedIn | None:
        """Return who signed in with a client's last message; None where the proof is wrong or there is no such user."""
        message = NTLMMessage.unpack(token)
        if not isinstance(message, Authenticate) or MessageType.authenticate != message.MESSAGE_TYPE:
            return None
        user, response = (message.user_name or "").lower(), message.nt_challenge_response or b""
        password = self._password(user)
        if password is None or len(response) <= _PROOF:
            return None
        proof, blob = response[:_PROOF], response[_PROOF:]
        base = ntowfv2(message.user_name or "", ntowfv1(password), message.domain_name)
        if not hmac.compare_digest(hmac_md5(base, self._challenge + blob), proof):
            return None
        key = hmac_md5(base, proof)
        sealed = message.encrypted_random_session_key
        return SignedIn(user=user, key=rc4k(key, sealed) if sealed else key)

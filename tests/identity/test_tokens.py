"""Forged, stolen, stale and foreign access tokens: every one is refused, and the genuine one is cached."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwt
from joserfc.jwk import ECKey

from halfpenny import identity
from halfpenny.identity import InvalidToken, Principal, Role, Tokens
from halfpenny.identity import tokens as tokens_module
from halfpenny.platform.database import Database, DatabaseUnavailable
from halfpenny.primitives.ids import uuid7
from support.edge import Client
from support.people import Somebody, identity_settings, make_somebody, tokens_for


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    return _read(header), _read(claims), signature


def _read(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def signed(header: dict[str, Any], claims: dict[str, Any], key: ECKey | None = None) -> str:
    """A token with any header and claims and a correct ES256 signature, with our own key unless another is given."""
    head = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    private = (key or identity.load_signing_keys(identity_settings()).current).private_key
    assert private is not None
    r, s = decode_dss_signature(private.sign(head.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{head}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def changed_header(token: str, **changes: Any) -> str:
    header, claims, _ = parts(token)
    return signed({name: value for name, value in (header | changes).items() if value is not None}, claims)


def changed_claims(token: str, **changes: Any) -> str:
    header, claims, _ = parts(token)
    return signed(header, {name: value for name, value in (claims | changes).items() if value is not None})


def unsigned(token: str, alg: str) -> str:
    header, claims, _ = parts(token)
    return f"{b64(json.dumps(header | {'alg': alg}).encode())}.{b64(json.dumps(claims).encode())}."


def public_key_as_hmac_secret(token: str) -> str:
    header, claims, _ = parts(token)
    public = identity.load_signing_keys(identity_settings()).current.public_key
    secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = f"{b64(json.dumps(header | {'alg': 'HS256'}).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{head}.{b64(hmac.digest(secret, head.encode(), hashlib.sha256))}"


def signed_by_rsa(token: str) -> str:
    header, claims, _ = parts(token)
    head = f"{b64(json.dumps(header | {'alg': 'RS256'}).encode())}.{b64(json.dumps(claims).encode())}"
    key = rsa.generate_private_key(65_537, 2_048)
    return f"{head}.{b64(key.sign(head.encode(), PKCS1v15(), hashes.SHA256()))}"


def with_own_key(name: str) -> Callable[[str], str]:
    """The attacker signs with their own key and offers it in the header."""

    def forge(token: str) -> str:
        header, claims, _ = parts(token)
        key = ECKey.generate_key("P-256")
        offered = {"jwk": key.as_dict(private=False), "jku": "https://evil.example/keys", "x5c": ["MIIB"]}[name]
        return signed(header | {name: offered}, claims, key)

    return forge


def another_signature(token: str) -> str:
    header, claims, _ = parts(token)
    return signed(header, claims, ECKey.generate_key("P-256"))


def flipped(token: str) -> str:
    # The first letter of the signature: each of its bits is part of r.
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def zero_signature(token: str) -> str:
    # CVE-2022-21449: r = s = 0 verified for every message.
    return f"{token.rpartition('.')[0]}.{b64(bytes(64))}"


FORGERIES: dict[str, Callable[[str], str]] = {
    "alg none": lambda token: unsigned(token, "none"),
    "alg None": lambda token: unsigned(token, "None"),
    "alg nOnE": lambda token: unsigned(token, "nOnE"),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "public key as HMAC secret": public_key_as_hmac_secret,
    "RS256": signed_by_rsa,
    "ES384 by name": lambda token: changed_header(token, alg="ES384"),
    "kid with a path": lambda token: changed_header(token, kid="../../../../dev/null"),
    "kid with SQL": lambda token: changed_header(token, kid="' UNION SELECT 'key' --"),
    "kid of nobody": lambda token: changed_header(token, kid="nobody"),
    "kid that is no text": lambda token: changed_header(token, kid=["a"]),
    "no kid": lambda token: changed_header(token, kid=None),
    "jwk": with_own_key("jwk"),
    "jku": with_own_key("jku"),
    "x5c": with_own_key("x5c"),
    "critical extension": lambda token: changed_header(token, crit=["exp"], exp=1),
    "unencoded payload": lambda token: changed_header(token, b64=False, crit=["b64"]),
    "an ID token": lambda token: changed_header(token, typ="JWT"),
    "no typ": lambda token: changed_header(token, typ=None),
    "another key": another_signature,
    "signature of zeros": zero_signature,
    "flipped bit": flipped,
    "another audience": lambda token: changed_claims(token, aud="another-api"),
    "a list of audiences": lambda token: changed_claims(token, aud=["halfpenny-api", "another-api"]),
    "another issuer": lambda token: changed_claims(token, iss="https://evil.example"),
    "no issuer": lambda token: changed_claims(token, iss=None),
    "expired": lambda token: changed_claims(token, exp=int(time.time()) - 1),
    "never expires": lambda token: changed_claims(token, exp=None),
    "expiry in words": lambda token: changed_claims(token, exp="9999999999"),
    "expiry that is infinite": lambda token: changed_claims(token, exp=float("inf")),
    "expiry that is true": lambda token: changed_claims(token, exp=True),
    "issued in the future": lambda token: changed_claims(token, iat=int(time.time()) + 3_600),
    "another person": lambda token: changed_claims(token, sub=str(uuid7())),
    "another session": lambda token: changed_claims(token, sid=str(uuid7())),
    "no session": lambda token: changed_claims(token, sid=None),
    "more roles": lambda token: changed_claims(token, roles=["investor", "administrator"]),
    "another role": lambda token: changed_claims(token, roles=["administrator"]),
    "no role": lambda token: changed_claims(token, roles=[]),
    "roles as text": lambda token: changed_claims(token, roles="investor"),
    "unknown claim": lambda token: changed_claims(token, scope="everything"),
    "truncated": lambda token: token[:-10],
    "header only": lambda token: token.split(".")[0],
    "four parts": lambda token: token + ".e30",
    "five parts, as if encrypted": lambda token: token + ".e30.e30",
    "empty": lambda token: "",
    "not base64": lambda token: "é" + token,
    "a huge one": lambda token: token + "A" * 100_000,
    "claims that are no object": lambda token: signed(parts(token)[0], []),  # type: ignore[arg-type]
}


@pytest.fixture
async def genuine(database: Database) -> Somebody:
    return await make_somebody(database)


def test_there_are_more_forgeries_than_were_asked_for() -> None:
    assert len(FORGERIES) >= 25


async def test_forged_tokens_are_refused(client: Client, genuine: Somebody, database: Database) -> None:
    tokens = tokens_for(database)
    taken = []
    for name, forge in FORGERIES.items():
        forged = forge(genuine.token)
        assert forged != genuine.token
        try:
            await tokens.verify(forged)
        except InvalidToken:
            pass
        else:
            taken.append(name)
        # httpx refuses to send what is not ASCII or too long a line for a server; a socket would not care.
        if forged.isascii():
            answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {forged}"})
            if answer.status_code != 401:
                taken.append(f"{name}: {answer.status_code}")
            assert answer.headers["www-authenticate"] == "Bearer"
    assert taken == []
    assert await tokens.verify(genuine.token) == genuine.principal()


async def test_the_same_changes_with_the_right_values_are_taken(genuine: Somebody, database: Database) -> None:
    # Otherwise the forgeries above might be refused only because the tests sign them badly.
    assert await tokens_for(database).verify(changed_claims(genuine.token)) == genuine.principal()
    assert await tokens_for(database).verify(changed_header(genuine.token)) == genuine.principal()


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
async def test_other_schemes_are_no_credentials(client: Client, genuine: Somebody, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {genuine.token}".strip()}
    answer = await client.get("/api/v1/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_token_in_the_address_is_no_credential(client: Client, genuine: Somebody) -> None:
    answer = await client.get(f"/api/v1/me?access_token={genuine.token}&token={genuine.token}")
    assert answer.status_code == 401


async def test_a_verified_token_is_cached_without_io(genuine: Somebody, database: Database) -> None:
    tokens = tokens_for(database)
    assert tokens.cached(genuine.token) is None
    await tokens.verify(genuine.token)
    await database.close()
    assert await tokens.verify(genuine.token) == genuine.principal()
    tokens.clear_cache()
    with pytest.raises(DatabaseUnavailable):
        await tokens.verify(genuine.token)


class Clock:
    """Real time as ``tokens`` sees it, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time()
        monkeypatch.setattr(tokens_module.time, "time", lambda: self.now)


async def test_memory_ends_with_the_token(
    genuine: Somebody, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, tokens = Clock(monkeypatch), tokens_for(database)
    await tokens.verify(genuine.token)
    clock.now += 901
    tokens.trust_until(clock.now + 10)
    with pytest.raises(InvalidToken):
        await tokens.verify(genuine.token)


async def test_without_notifications_a_cached_token_is_rechecked_within_a_second(
    genuine: Somebody, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, tokens = Clock(monkeypatch), tokens_for(database)
    await tokens.verify(genuine.token)
    await end(database, genuine)
    assert tokens.cached(genuine.token) is not None
    clock.now += 0.9
    with pytest.raises(InvalidToken):
        await tokens.verify(genuine.token)


async def test_with_notifications_a_cached_token_is_rechecked_after_half_a_minute(
    genuine: Somebody, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, tokens = Clock(monkeypatch), tokens_for(database)
    await tokens.verify(genuine.token)
    await end(database, genuine)
    clock.now += 29
    tokens.trust_until(clock.now + 0.9)
    assert tokens.cached(genuine.token) == genuine.principal()
    clock.now += 2
    tokens.trust_until(clock.now + 0.9)
    with pytest.raises(InvalidToken):
        await tokens.verify(genuine.token)


async def end(database: Database, somebody: Somebody) -> None:
    async with database.unit_of_work() as connection:
        await connection.execute(
            "UPDATE session SET ended_at = now(), ended_because = 'test' WHERE id = $1", somebody.session_id
        )


async def test_a_notification_drops_only_whom_it_names(genuine: Somebody, database: Database) -> None:
    other = await make_somebody(database)
    tokens = tokens_for(database)
    for somebody in (genuine, other):
        await tokens.verify(somebody.token)
    tokens.on_revocation(f"session:{genuine.session_id}")
    assert tokens.cached(genuine.token) is None
    assert tokens.cached(other.token) is not None
    tokens.on_revocation(f"user:{other.user_id}")
    assert tokens.cached(other.token) is None


async def test_a_notification_that_overtakes_the_answer_wins(
    genuine: Somebody, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tokens_for(database)
    ask = tokens_module.store.session_person

    async def slow(*args: Any) -> Any:
        answer = await ask(*args)
        await end(database, genuine)
        tokens.on_revocation(f"session:{genuine.session_id}")
        return answer

    monkeypatch.setattr(tokens_module.store, "session_person", slow)
    with pytest.raises(InvalidToken):
        await tokens.verify(genuine.token)
    assert tokens.cached(genuine.token) is None


async def test_memory_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "CACHED_TOKENS", 3)
    tokens, people = tokens_for(database), [await make_somebody(database) for _ in range(5)]
    for somebody in people:
        await tokens.verify(somebody.token)
    assert [tokens.cached(somebody.token) is not None for somebody in people] == [False, False, True, True, True]


async def test_a_lifetime_may_be_given(database: Database) -> None:
    somebody = await make_somebody(database, lifetime_s=7_200)
    claims = parts(somebody.token)[1]
    assert claims["exp"] - claims["iat"] == 7_200
    assert isinstance(await tokens_for(database).verify(somebody.token), Principal)


async def test_an_old_key_still_verifies_after_a_new_one_signs(genuine: Somebody, database: Database) -> None:
    settings = identity_settings()
    old = identity.load_signing_keys(settings)
    new = ECKey.generate_key("P-256")
    both = identity.SigningKeys(new, {new.thumbprint(): new} | old.by_id)
    tokens = Tokens(settings, both, database)
    assert await tokens.verify(genuine.token) == genuine.principal()
    fresh = tokens.issue(genuine.user_id, Role.INVESTOR, genuine.session_id)
    assert parts(fresh)[0]["kid"] == new.thumbprint()
    assert await tokens.verify(fresh) == genuine.principal()
    with pytest.raises(InvalidToken):
        await Tokens(settings, old, database).verify(fresh)


async def test_a_token_made_by_the_library_alone_has_our_form(genuine: Somebody) -> None:
    key = identity.load_signing_keys(identity_settings()).current
    token = jwt.decode(genuine.token, key, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    assert set(token.claims) == {"iss", "aud", "sub", "sid", "roles", "iat", "exp"}

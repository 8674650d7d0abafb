"""What of identity can be set. Built from the environment in ``halfpenny.entrypoints`` and passed down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Times in seconds, memory in KiB. Limits are in the notation of the ``limits`` package.

    ``signing_key_file`` holds the ES256 key that all API processes share; it is made on first use unless
    ``make_signing_key`` is false, as in production, where its absence stops the start.
    ``verify_email`` sends a link and lets money move only after it; ``kyc_sandbox`` takes everybody at
    registration as verified. ``public_url`` starts every link in a mail: never the Host header.
    """

    signing_key_file: Path = Path(".data/signing-key.json")
    make_signing_key: bool = True
    issuer: str = "halfpenny"
    audience: str = "halfpenny-api"
    access_token_lifetime_s: int = 900
    session_lifetime_s: int = 30 * 86_400
    # A session of pages ends so long after its cookie was last seen, and after its sign-in in any case.
    page_idle_s: int = 30 * 60
    page_session_lifetime_s: int = 12 * 3_600
    mailed_token_lifetime_s: int = 86_400
    verify_email: bool = False
    kyc_sandbox: bool = True
    public_url: str = "http://localhost:8000"
    # RFC 9106, section 4, second recommended option: Argon2id with 3 passes over 64 MiB, 4 lanes.
    # Logins that the sign-in page of a demo shows; None for none.
    shown_logins_file: Path | None = None
    argon2_time_cost: int = 3
    argon2_memory_kib: int = 65_536
    argon2_lanes: int = 4
    # Each hash being computed takes argon2_memory_kib; beyond the queue callers get 503 with Retry-After.
    hashing_threads: int = 2
    hashing_queue: int = 64
    register_per_address: str = "120/hour"
    attempts_per_address: str = "600/minute"
    failures_per_address: str = "60/minute"
    failures_per_account_and_address: str = "10/5minute"
    failures_per_account: str = "100/hour"

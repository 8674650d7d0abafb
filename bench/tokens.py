"""What remembering a verified token is worth: a request that recalls it beside one that verifies it anew.

Prints medians of rounds taken alternately, and their ratio; absolutes depend on the machine.

    PYTHONPATH=src python bench/tokens.py
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import cast

from halfpenny.identity import IdentitySettings, Principal, Role, Tokens, load_signing_keys
from halfpenny.identity.tokens import _Verified
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import SessionId, UserId, uuid7

ROUNDS = 7
VERIFIED_EACH = 500
RECALLED_EACH = 50_000


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = IdentitySettings(Path(folder) / "key.json")
        # The session's own query is left out on both sides: only the token itself is measured.
        tokens = Tokens(settings, load_signing_keys(settings), cast(Database, None))
        user_id, session_id = UserId(uuid7()), SessionId(uuid7())
        raw = tokens.issue(user_id, Role.INVESTOR, session_id)
        roles = frozenset({Role.INVESTOR})
        principal = Principal(user_id, roles, session_id, True, True)
        now = time.time()
        tokens._cache[raw] = _Verified(user_id, session_id, roles, now + 900, principal, now + 900)
        verified, recalled = [], []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for _ in range(VERIFIED_EACH):
                tokens._read(raw)
            verified.append((time.perf_counter() - started) / VERIFIED_EACH)
            started = time.perf_counter()
            for _ in range(RECALLED_EACH):
                if tokens.cached(raw) is not principal:
                    raise SystemExit("the token was not recalled")
            recalled.append((time.perf_counter() - started) / RECALLED_EACH)
    slow, fast = statistics.median(verified), statistics.median(recalled)
    print(f"verified anew {slow * 1e6:.1f} us, recalled {fast * 1e6:.2f} us: {slow / fast:.0f} times")


if __name__ == "__main__":
    main()

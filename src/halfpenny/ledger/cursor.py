"""The keyset cursor of a list that is merged from several accounts: the version reached on each, as text."""

from __future__ import annotations

import re

from halfpenny.ledger.model import AccountKind, TransfersBefore
from halfpenny.platform.http.paging import MalformedCursor
from halfpenny.primitives.money import Currency

_PART = re.compile(r"([a-z_]+)/([A-Z]{3})/([0-9]{1,18})", re.ASCII)


def transfers_cursor(before: TransfersBefore) -> str:
    return " ".join(f"{kind}/{currency}/{version}" for (kind, currency), version in before.items())


def read_transfers_cursor(text: str) -> TransfersBefore:
    """Raises MalformedCursor for anything that ``transfers_cursor`` cannot have written."""
    parts = [_PART.fullmatch(part) for part in text.split(" ")]
    try:
        before = {(AccountKind(part[1]), Currency(part[2])): int(part[3]) for part in parts if part is not None}
    except ValueError as error:
        raise MalformedCursor() from error
    if len(before) != len(parts):
        raise MalformedCursor()
    return before

"""A loan's ledger is merged from its accounts: every transfer once, newest first, wherever a page ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.ledger import AccountKind, read_transfers_cursor, transfers_cursor
from halfpenny.ledger.model import Leg, merge_newest
from halfpenny.platform.http.paging import MalformedCursor
from halfpenny.primitives.money import Currency

OURS = [UUID(int=number) for number in range(1, 5)]
OTHERS = [UUID(int=number) for number in range(5, 8)]
START = datetime(2026, 2, 3, tzinfo=UTC)
# Microseconds between one transfer and the next; a clock that was set back goes backwards.
pairs = st.tuples(st.sampled_from(OURS), st.sampled_from(OURS + OTHERS)).filter(lambda pair: pair[0] != pair[1])


def legs_of(moves: list[tuple[tuple[UUID, UUID], int]]) -> list[Leg]:
    """The legs of transfers posted one after the other, as the ledger numbers them."""
    versions, moment, legs = Counter[UUID](), START, list[Leg]()
    for number, ((debit, credit), step) in enumerate(moves):
        moment += timedelta(microseconds=step)
        leg = Leg(debit, 0, UUID(int=1_000 + number * 7 % 11), number, moment, debit, credit)
        for side in (debit, credit):
            versions[side] += 1
            legs.append(replace(leg, account_id=side, version=versions[side]))
    return [leg for leg in legs if leg.account_id in OURS]


def walked(legs: list[Leg], limit: int) -> list[int]:
    """The numbers of all transfers, page by page, as the store would read them."""
    below = {account: 2**40 for account in OURS}
    found: list[int] = []
    while True:
        near = [
            leg
            for account in OURS
            for leg in sorted(
                (leg for leg in legs if leg.account_id == account and leg.version < below[account]),
                key=lambda leg: -leg.version,
            )[:limit]
        ]
        page = list(merge_newest(near, below, limit))
        if not page:
            return found
        found += [leg.ordinal for leg, _ in page]
        below = page[-1][1]


@given(moves=st.lists(st.tuples(pairs, st.integers(1, 5)), max_size=30), limit=st.integers(1, 7))
def test_pages_hold_every_transfer_once_newest_first(moves: list[tuple[tuple[UUID, UUID], int]], limit: int) -> None:
    assert walked(legs_of(moves), limit) == list(reversed(range(len(moves))))


@given(moves=st.lists(st.tuples(pairs, st.integers(-9, 5)), max_size=30), limit=st.integers(1, 7))
def test_a_clock_that_was_set_back_loses_and_repeats_nothing(
    moves: list[tuple[tuple[UUID, UUID], int]], limit: int
) -> None:
    legs = legs_of(moves)
    found = walked(legs, limit)
    assert sorted(found) == list(range(len(moves)))
    for account in OURS:
        touching = [leg.ordinal for leg in legs if leg.account_id == account]
        assert [number for number in found if number in touching] == sorted(touching, reverse=True)


names = st.tuples(st.sampled_from(AccountKind), st.sampled_from(Currency))


@given(before=st.dictionaries(names, st.integers(0, 10**18 - 1), min_size=1))
def test_a_cursor_says_what_was_put_into_it(before: dict[tuple[AccountKind, Currency], int]) -> None:
    assert read_transfers_cursor(transfers_cursor(before)) == before


@pytest.mark.parametrize(
    "text", ["", "x", "escrow/EUR", "escrow/EUR/-1", "escrow/XXX/1", "nothing/EUR/1", "escrow/EUR/1 escrow/EUR/2",
             "escrow/EUR/1  wallet/EUR/1", "escrow/EUR/1111111111111111111", "escrow/EUR/1\n"],
)  # fmt: skip
def test_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(MalformedCursor):
        read_transfers_cursor(text)

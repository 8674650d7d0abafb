"""Books and tickets for the tests of the pure decision."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import strategies as st

from halfpenny.funding.model import BatchState, InvestorFacts, LoanState, Ticket
from halfpenny.platform.clock import MARKET_ZONE

NOW = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
_SPACE = UUID(int=7)


def name(text: str) -> UUID:
    """A stable id for a name, so that failures read the same every time."""
    return uuid5(_SPACE, text)


BORROWER = name("borrower")
INVESTOR = InvestorFacts(investor=True, staff=False, email_verified=True, kyc_passed=True, sophisticated=False)


def loan(text: str = "loan", **changes: object) -> LoanState:
    values: dict[str, object] = {
        "loan_id": name(text),
        "borrower_id": BORROWER,
        "currency": "EUR",
        "status": "open",
        "target_minor": 1_000_000,
        "funded_minor": 0,
        "investors": 0,
        "version": 0,
        "deadline": NOW + timedelta(days=30),
        **changes,
    }
    return LoanState(**values)  # type: ignore[arg-type]


def batch_state(*loans: LoanState, available: int = 10_000_000, investors: int = 3, **changes: object) -> BatchState:
    people = {name(f"investor {number}"): INVESTOR for number in range(investors)}
    values: dict[str, object] = {
        "now": NOW,
        "zone": MARKET_ZONE,
        "loans": {state.loan_id: state for state in loans or (loan(),)},
        "investors": people,
        "available": {(person, "EUR"): available for person in people},
        **changes,
    }
    return BatchState(**values)  # type: ignore[arg-type]


_numbers = iter(range(1, 10**9))


def ticket(
    amount_minor: int, investor: int = 0, *, loan_name: str = "loan", key: str | None = None, currency: str = "EUR"
) -> Ticket:
    number = next(_numbers)
    return Ticket(
        loan_id=name(loan_name),
        investor_id=name(f"investor {investor}"),
        amount_minor=amount_minor,
        currency=currency,
        key=key or f"key {number}",
        fingerprint=f"{loan_name} {amount_minor} {currency}".encode(),
    )


LOANS = ("loan", "small", "late", "capped", "zloty", "full", "missing", "draft")


def full_batch_state(balances: list[int]) -> BatchState:
    """A batch state with a loan of every sort, and one investor for each balance; some of them may not invest."""
    sorts = [
        loan("loan", target_minor=60_000),
        loan("small", target_minor=12_345, step_minor=100, funded_minor=345, investors=1, version=9),
        loan("late", deadline=NOW),
        loan("capped", maximum_minor=11_000, target_minor=100_000),
        loan("zloty", currency="PLN"),
        loan("full", status="full", target_minor=500, funded_minor=500),
    ]
    people = [
        INVESTOR,
        InvestorFacts(investor=True, staff=False, email_verified=True, kyc_passed=True, sophisticated=True),
        InvestorFacts(investor=True, staff=False, email_verified=False, kyc_passed=True, sophisticated=False),
        InvestorFacts(investor=True, staff=False, email_verified=True, kyc_passed=False, sophisticated=False),
        InvestorFacts(investor=False, staff=True, email_verified=True, kyc_passed=True, sophisticated=False),
    ]
    made = batch_state(*sorts)
    made.investors = {
        name(f"investor {number}"): people[number] if 0 < number < len(people) else INVESTOR
        for number in range(len(balances))
    }
    made.available = {(name(f"investor {number}"), "EUR"): balance for number, balance in enumerate(balances)}
    made.related = frozenset({(name("loan"), name("investor 5"))})
    return made


@st.composite
def sequences(draw: st.DrawFn) -> tuple[BatchState, list[Ticket]]:
    """A batch state and tickets that collide: few investors, few loans, few keys, amounts around every limit."""
    balances = draw(st.lists(st.integers(0, 40_000), min_size=1, max_size=7))
    amounts = st.one_of(st.sampled_from([1, 4_999, 5_000, 5_001, 11_000, 12_000]), st.integers(1, 70_000))
    tickets = draw(
        st.lists(
            st.builds(
                ticket,
                amounts,
                st.integers(0, len(balances)),
                loan_name=st.sampled_from(LOANS),
                key=st.one_of(st.none(), st.sampled_from(["a", "b"])),
                currency=st.sampled_from(["EUR", "EUR", "EUR", "PLN"]),
            ),
            max_size=40,
        )
    )
    return full_batch_state(balances), tickets


def apart(one: BatchState) -> BatchState:
    return copy.deepcopy(one)

"""The rules of a ticket, and the batch decision against the naive one-by-one one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from funding.batch_states import BORROWER, INVESTOR, NOW, apart, batch_state, loan, name, sequences, ticket
from halfpenny.funding.model import (
    AcceptedTicket,
    BatchState,
    Decision,
    InvestmentConfirmation,
    InvestorFacts,
    RepeatedTicket,
    Ticket,
    decide,
    investment_id,
    milestones_crossed,
    reflection_end,
)
from halfpenny.platform.clock import MARKET_ZONE
from halfpenny.primitives.errors import HalfpennyError


def code(decision: Decision) -> str:
    return decision.code if isinstance(decision, HalfpennyError) else type(decision).__name__


def one(batch: BatchState, asked: Ticket) -> str:
    """The code of a refusal, after checking that it changed nothing."""
    before = apart(batch)
    answer = code(decide(batch, [asked])[0])
    if answer not in ("AcceptedTicket", "RepeatedTicket"):
        assert batch == before
    return answer


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (4_999, "below_minimum"),
        (5_000, "AcceptedTicket"),
        (1, "below_minimum"),
        (1_000_000, "AcceptedTicket"),
        (1_000_001, "exceeds_remaining"),
    ],
)
def test_minimum_and_target(amount: int, expected: str) -> None:
    assert one(batch_state(), ticket(amount)) == expected


def test_the_last_ticket_may_be_the_exact_rest_however_small() -> None:
    state = loan(target_minor=10_001, funded_minor=10_000, step_minor=100)
    assert one(batch_state(state), ticket(1)) == "AcceptedTicket"
    assert one(batch_state(loan(target_minor=10_002, funded_minor=10_000)), ticket(1)) == "below_minimum"


def test_step() -> None:
    assert one(batch_state(loan(step_minor=1_000)), ticket(5_500)) == "not_a_multiple"
    assert one(batch_state(loan(step_minor=1_000)), ticket(6_000)) == "AcceptedTicket"


def test_maximum_counts_what_is_held_already() -> None:
    limited = batch_state(loan(maximum_minor=10_000))
    assert one(limited, ticket(6_000)) == "AcceptedTicket"
    assert one(limited, ticket(5_000)) == "above_maximum"
    assert one(limited, ticket(5_000, 1)) == "AcceptedTicket"


def test_closed_full_late_and_unknown_loans() -> None:
    assert one(batch_state(loan(status="closed")), ticket(5_000)) == "loan_not_open"
    assert one(batch_state(loan(status="pending")), ticket(5_000)) == "loan_not_open"
    assert one(batch_state(loan(deadline=NOW)), ticket(5_000)) == "loan_not_open"
    assert one(batch_state(loan(deadline=NOW + timedelta(microseconds=1))), ticket(5_000)) == "AcceptedTicket"
    assert one(batch_state(loan(status="full", funded_minor=1_000_000)), ticket(5_000)) == "loan_fully_funded"
    assert one(batch_state(), ticket(5_000, loan_name="other")) == "loan_not_found"


def test_own_side_of_the_loan_may_not_invest() -> None:
    people = {**batch_state().investors, BORROWER: INVESTOR}
    own = ticket(5_000)
    own = Ticket(own.loan_id, BORROWER, 5_000, "EUR", "k", b"")
    assert one(_with(people), own) == "self_dealing"
    assert one(batch_state(related=frozenset({(name("loan"), name("investor 0"))})), ticket(5_000)) == "self_dealing"
    assert one(_with({name("investor 0"): _facts(investor=False, staff=True)}), ticket(5_000)) == "self_dealing"


def _with(people: dict[object, InvestorFacts]) -> BatchState:
    made = batch_state()
    made.investors = people  # type: ignore[assignment]
    return made


def _facts(**changes: bool) -> InvestorFacts:
    values = {
        "investor": True,
        "staff": False,
        "email_verified": True,
        "kyc_passed": True,
        "sophisticated": False,
        **changes,
    }
    return InvestorFacts(**values)


def test_who_has_not_been_checked_may_not_invest() -> None:
    who = name("investor 0")
    assert one(_with({who: _facts(email_verified=False)}), ticket(5_000)) == "email_unverified"
    assert one(_with({who: _facts(kyc_passed=False)}), ticket(5_000)) == "kyc_required"
    assert one(_with({who: _facts(investor=False)}), ticket(5_000)) == "wrong_role"
    assert one(_with({}), ticket(5_000)) == "wrong_role"


def test_money_that_is_not_there() -> None:
    assert one(batch_state(available=5_000), ticket(5_001)) == "insufficient_available"
    assert one(batch_state(), ticket(5_000, currency="PLN")) == "currency_mismatch"


def test_one_key_gives_one_effect_and_one_answer() -> None:
    batch = batch_state()
    first, again = ticket(5_000, key="k"), ticket(5_000, key="k")
    other_body, other_person = ticket(6_000, key="k"), ticket(5_000, 1, key="k")
    decisions = decide(batch, [first, again, other_body, other_person])
    assert [code(decision) for decision in decisions] == [
        "AcceptedTicket",
        "RepeatedTicket",
        "idempotency_key_reused",
        "AcceptedTicket",
    ]
    assert isinstance(decisions[0], AcceptedTicket) and isinstance(decisions[1], RepeatedTicket)
    assert decisions[0].answer == decisions[1].answer
    assert batch.loans[name("loan")].funded_minor == 10_000


def test_a_refused_key_is_decided_anew() -> None:
    batch = batch_state(available=0)
    assert one(batch, ticket(5_000, key="k")) == "insufficient_available"
    batch.available[name("investor 0"), "EUR"] = 5_000
    assert one(batch, ticket(5_000, key="k")) == "AcceptedTicket"


def test_reflection_is_four_calendar_days_through_a_change_of_the_clocks() -> None:
    # Poland's clocks go forward on 29 March 2026: noon stays noon, so the four days have 95 hours.
    assert reflection_end(NOW, MARKET_ZONE) == datetime(2026, 3, 31, 11, 0, tzinfo=UTC)
    autumn = datetime(2026, 10, 23, 22, 30, tzinfo=UTC)
    assert reflection_end(autumn, MARKET_ZONE) - autumn == timedelta(days=4, hours=1)


def test_a_sophisticated_investor_has_no_reflection() -> None:
    taken = decide(_with_sophisticated(), [ticket(5_000)])[0]
    assert isinstance(taken, AcceptedTicket) and taken.answer.revocable_until is None


def _with_sophisticated() -> BatchState:
    return _with({name("investor 0"): _facts(sophisticated=True)})


@given(sequences())
@settings(max_examples=400)
def test_a_batch_is_decided_like_one_ticket_at_a_time(case: tuple[BatchState, list[Ticket]]) -> None:
    batch, tickets = case
    alone = apart(batch)
    one_by_one = [_naive(alone, asked) for asked in tickets]
    decisions = decide(batch, tickets)
    assert [_plain(decision) for decision in decisions] == one_by_one
    assert {i: (s.funded_minor, s.investors, s.version) for i, s in batch.loans.items()} == {
        i: (s.funded_minor, s.investors, s.version) for i, s in alone.loans.items()
    }
    assert batch.available == alone.available


def _plain(decision: Decision) -> tuple[str, InvestmentConfirmation | None]:
    return code(decision), decision.answer if isinstance(decision, AcceptedTicket | RepeatedTicket) else None


def _naive(batch: BatchState, asked: Ticket) -> tuple[str, InvestmentConfirmation | None]:
    """The same rules once more, as one would write them for a single request, over the same state."""
    stored = batch.stored.get((asked.investor_id, asked.key))
    if stored:
        if stored[0] == asked.fingerprint:
            return "RepeatedTicket", stored[1]
        return "idempotency_key_reused", None
    state = batch.loans.get(asked.loan_id)
    if state is None:
        return "loan_not_found", None
    who = batch.investors.get(asked.investor_id)
    rest = state.target_minor - state.funded_minor
    held = batch.positions.get((asked.loan_id, asked.investor_id), 0)
    money = batch.available.get((asked.investor_id, asked.currency), 0)
    related = (asked.loan_id, asked.investor_id) in batch.related
    checks = [
        (asked.investor_id == state.borrower_id or related or (who is not None and who.staff), "self_dealing"),
        (who is None or not who.investor, "wrong_role"),
        (who is not None and not who.email_verified, "email_unverified"),
        (who is not None and not who.kyc_passed, "kyc_required"),
        (asked.currency != state.currency, "currency_mismatch"),
        (state.status == "full" or (state.status == "open" and not rest), "loan_fully_funded"),
        (state.status != "open" or batch.now >= state.deadline, "loan_not_open"),
        (asked.amount_minor > rest, "exceeds_remaining"),
        (asked.amount_minor < min(state.minimum_minor, rest), "below_minimum"),
        (asked.amount_minor != rest and asked.amount_minor % state.step_minor != 0, "not_a_multiple"),
        (
            state.maximum_minor is not None and held + asked.amount_minor > state.maximum_minor,
            "above_maximum",
        ),
        (money < asked.amount_minor, "insufficient_available"),
    ]
    for failed, refusal in checks:
        if failed:
            return refusal, None
    assert who is not None
    batch.available[asked.investor_id, asked.currency] = money - asked.amount_minor
    batch.positions[asked.loan_id, asked.investor_id] = held + asked.amount_minor
    state.funded_minor += asked.amount_minor
    state.version += 1
    if held == 0:
        state.investors += 1
    answer = InvestmentConfirmation(
        investment_id(batch.now, asked),
        asked.loan_id,
        asked.investor_id,
        asked.amount_minor,
        asked.currency,
        None if who.sophisticated else reflection_end(batch.now, batch.zone),
        state.target_minor,
        state.funded_minor,
        state.investors,
        state.version,
    )
    batch.stored[asked.investor_id, asked.key] = (asked.fingerprint, answer)
    return "AcceptedTicket", answer


def test_milestones_are_exact_and_each_is_crossed_once() -> None:
    assert milestones_crossed(10_000, 0, 2_499) == []
    assert milestones_crossed(10_000, 2_499, 2_500) == [25]
    assert milestones_crossed(10_000, 2_500, 2_501) == []
    assert milestones_crossed(10_000, 0, 10_000) == [25, 50, 75, 100]
    assert milestones_crossed(3, 0, 1) == [25]
    assert milestones_crossed(3, 1, 2) == [50]

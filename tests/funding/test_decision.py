"""The rules of a ticket, and the batch decision against the naive one-by-one one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from funding.books import BORROWER, INVESTOR, NOW, apart, book, loan, name, sequences, ticket
from halfpenny.funding.model import (
    Answer,
    Book,
    Decision,
    InvestorFacts,
    Repeated,
    Taken,
    Ticket,
    decide,
    milestones_crossed,
    reflection_end,
)
from halfpenny.platform.clock import MARKET_ZONE
from halfpenny.primitives.errors import HalfpennyError


def code(decision: Decision) -> str:
    return decision.code if isinstance(decision, HalfpennyError) else type(decision).__name__


def one(the_book: Book, asked: Ticket) -> str:
    """The code of a refusal, after checking that it changed nothing."""
    before = apart(the_book)
    answer = code(decide(the_book, [asked])[0])
    if answer not in ("Taken", "Repeated"):
        assert the_book == before
    return answer


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (4_999, "below_minimum"),
        (5_000, "Taken"),
        (1, "below_minimum"),
        (1_000_000, "Taken"),
        (1_000_001, "exceeds_remaining"),
    ],
)
def test_minimum_and_target(amount: int, expected: str) -> None:
    assert one(book(), ticket(amount)) == expected


def test_the_last_ticket_may_be_the_exact_rest_however_small() -> None:
    state = loan(target_minor=10_001, funded_minor=10_000, step_minor=100)
    assert one(book(state), ticket(1)) == "Taken"
    assert one(book(loan(target_minor=10_002, funded_minor=10_000)), ticket(1)) == "below_minimum"


def test_step() -> None:
    assert one(book(loan(step_minor=1_000)), ticket(5_500)) == "not_a_multiple"
    assert one(book(loan(step_minor=1_000)), ticket(6_000)) == "Taken"


def test_maximum_counts_what_is_held_already() -> None:
    limited = book(loan(maximum_minor=10_000))
    assert one(limited, ticket(6_000)) == "Taken"
    assert one(limited, ticket(5_000)) == "above_maximum"
    assert one(limited, ticket(5_000, 1)) == "Taken"


def test_closed_full_late_and_unknown_loans() -> None:
    assert one(book(loan(status="closed")), ticket(5_000)) == "loan_not_open"
    assert one(book(loan(status="pending")), ticket(5_000)) == "loan_not_open"
    assert one(book(loan(deadline=NOW)), ticket(5_000)) == "loan_not_open"
    assert one(book(loan(deadline=NOW + timedelta(microseconds=1))), ticket(5_000)) == "Taken"
    assert one(book(loan(status="full", funded_minor=1_000_000)), ticket(5_000)) == "loan_fully_funded"
    assert one(book(), ticket(5_000, loan_name="other")) == "loan_not_found"
    assert one(book(unopened=frozenset({name("other")})), ticket(5_000, loan_name="other")) == "loan_not_open"


def test_own_side_of_the_loan_may_not_invest() -> None:
    people = {**book().investors, BORROWER: INVESTOR}
    own = ticket(5_000)
    own = Ticket(own.investment_id, own.loan_id, BORROWER, 5_000, "EUR", "k", b"")
    assert one(_with(people), own) == "self_dealing"
    assert one(book(related=frozenset({(name("loan"), name("investor 0"))})), ticket(5_000)) == "self_dealing"
    assert one(_with({name("investor 0"): _facts(investor=False, staff=True)}), ticket(5_000)) == "self_dealing"


def _with(people: dict[object, InvestorFacts]) -> Book:
    made = book()
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
    assert one(book(available=5_000), ticket(5_001)) == "insufficient_available"
    assert one(book(), ticket(5_000, currency="PLN")) == "currency_mismatch"


def test_one_key_gives_one_effect_and_one_answer() -> None:
    the_book = book()
    first, again = ticket(5_000, key="k"), ticket(5_000, key="k")
    other_body, other_person = ticket(6_000, key="k"), ticket(5_000, 1, key="k")
    decisions = decide(the_book, [first, again, other_body, other_person])
    assert [code(decision) for decision in decisions] == [
        "Taken",
        "Repeated",
        "idempotency_key_reused",
        "Taken",
    ]
    assert isinstance(decisions[0], Taken) and isinstance(decisions[1], Repeated)
    assert decisions[0].answer == decisions[1].answer
    assert the_book.loans[name("loan")].funded_minor == 10_000


def test_a_refused_key_is_decided_anew() -> None:
    the_book = book(available=0)
    assert one(the_book, ticket(5_000, key="k")) == "insufficient_available"
    the_book.available[name("investor 0"), "EUR"] = 5_000
    assert one(the_book, ticket(5_000, key="k")) == "Taken"


def test_reflection_is_four_calendar_days_through_a_change_of_the_clocks() -> None:
    # Poland's clocks go forward on 29 March 2026: noon stays noon, so the four days have 95 hours.
    assert reflection_end(NOW, MARKET_ZONE) == datetime(2026, 3, 31, 11, 0, tzinfo=UTC)
    autumn = datetime(2026, 10, 23, 22, 30, tzinfo=UTC)
    assert reflection_end(autumn, MARKET_ZONE) - autumn == timedelta(days=4, hours=1)


def test_a_sophisticated_investor_has_no_reflection() -> None:
    taken = decide(_with_sophisticated(), [ticket(5_000)])[0]
    assert isinstance(taken, Taken) and taken.answer.revocable_until is None


def _with_sophisticated() -> Book:
    return _with({name("investor 0"): _facts(sophisticated=True)})


@given(sequences())
@settings(max_examples=400, deadline=None)
def test_a_batch_is_decided_like_one_ticket_at_a_time(case: tuple[Book, list[Ticket]]) -> None:
    the_book, tickets = case
    alone = apart(the_book)
    one_by_one = [_naive(alone, asked) for asked in tickets]
    batch = decide(the_book, tickets)
    assert [_plain(decision) for decision in batch] == one_by_one
    assert {i: (s.funded_minor, s.investors, s.version) for i, s in the_book.loans.items()} == {
        i: (s.funded_minor, s.investors, s.version) for i, s in alone.loans.items()
    }
    assert the_book.available == alone.available


def _plain(decision: Decision) -> tuple[str, Answer | None]:
    return code(decision), decision.answer if isinstance(decision, Taken | Repeated) else None


def _naive(the_book: Book, asked: Ticket) -> tuple[str, Answer | None]:
    """The same rules once more, as one would write them for a single request, over the same book."""
    stored = the_book.stored.get((asked.investor_id, asked.key))
    if stored:
        if stored[0] == asked.fingerprint:
            return "Repeated", stored[1]
        return "idempotency_key_reused", None
    state = the_book.loans.get(asked.loan_id)
    if state is None:
        return ("loan_not_open" if asked.loan_id in the_book.unopened else "loan_not_found"), None
    who = the_book.investors.get(asked.investor_id)
    rest = state.target_minor - state.funded_minor
    held = the_book.positions.get((asked.loan_id, asked.investor_id), 0)
    money = the_book.available.get((asked.investor_id, asked.currency), 0)
    related = (asked.loan_id, asked.investor_id) in the_book.related
    checks = [
        (asked.investor_id == state.borrower_id or related or (who is not None and who.staff), "self_dealing"),
        (who is None or not who.investor, "wrong_role"),
        (who is not None and not who.email_verified, "email_unverified"),
        (who is not None and not who.kyc_passed, "kyc_required"),
        (asked.currency != state.currency, "currency_mismatch"),
        (state.status == "full" or (state.status == "open" and not rest), "loan_fully_funded"),
        (state.status != "open" or the_book.now >= state.deadline, "loan_not_open"),
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
    the_book.available[asked.investor_id, asked.currency] = money - asked.amount_minor
    the_book.positions[asked.loan_id, asked.investor_id] = held + asked.amount_minor
    state.funded_minor += asked.amount_minor
    state.version += 1
    if held == 0:
        state.investors += 1
    answer = Answer(
        asked.investment_id,
        asked.loan_id,
        asked.investor_id,
        asked.amount_minor,
        asked.currency,
        None if who.sophisticated else reflection_end(the_book.now, the_book.zone),
        state.target_minor,
        state.funded_minor,
        state.investors,
        state.version,
    )
    the_book.stored[asked.investor_id, asked.key] = (asked.fingerprint, answer)
    return "Taken", answer


def test_milestones_are_exact_and_each_is_crossed_once() -> None:
    assert milestones_crossed(10_000, 0, 2_499) == []
    assert milestones_crossed(10_000, 2_499, 2_500) == [25]
    assert milestones_crossed(10_000, 2_500, 2_501) == []
    assert milestones_crossed(10_000, 0, 10_000) == [25, 50, 75, 100]
    assert milestones_crossed(3, 0, 1) == [25]
    assert milestones_crossed(3, 1, 2) == [50]

"""What an investment is planned to bring: every cent of the schedule, split as the drawn loan's is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halfpenny import loans, servicing
from halfpenny.platform.database import Database
from support import lending

DAY = date(2026, 11, 26)
_FOUND: list[loans.Loan] = []


@pytest.fixture
async def loan(database: Database) -> loans.Loan:
    """Offered once for all examples: the schedule follows from the loan alone."""
    if not _FOUND:
        async with database.unit_of_work() as connection:
            borrower = await lending.person(connection, "borrower")
            staff = await lending.person(connection, "administrator")
            _FOUND.append(await lending.funding(connection, borrower, staff))
    return _FOUND[0]


def test_the_whole_loan_gets_the_whole_schedule(loan: loans.Loan) -> None:
    whole = servicing.planned_flows(loan, loan.application.amount_minor, DAY)
    assert whole.interest > 0 and whole.total == loan.application.amount_minor + whole.interest
    assert [on for on, _ in whole.flows] == sorted(on for on, _ in whole.flows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_two_investors_who_share_a_loan_get_all_of_it_within_a_cent_each_day(
    loan: loans.Loan, data: st.DataObject
) -> None:
    amount = loan.application.amount_minor
    mine = data.draw(st.integers(1, amount - 1))
    whole = dict(servicing.planned_flows(loan, amount, DAY).flows)
    parts = [dict(servicing.planned_flows(loan, part, DAY).flows) for part in (mine, amount - mine)]
    for on, paid in whole.items():
        assert abs(sum(part.get(on, 0) for part in parts) - paid) <= 1
    planned = servicing.planned_flows(loan, mine, DAY)
    assert planned.invested == mine and planned.total - planned.interest == mine
    assert planned.interest >= -len(whole)


def test_without_an_offer_there_is_no_plan(loan: loans.Loan) -> None:
    with pytest.raises(loans.WrongStatus):
        servicing.planned_flows(replace(loan, offer=None), 100_00, DAY)

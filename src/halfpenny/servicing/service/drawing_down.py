"""Drawdown: escrow pays the borrower, less fees and retained interest, and the loan enters servicing."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny import funding, ledger, loans
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.loans import Actor, Loan, Status
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import JournalId, LoanId, uuid7
from halfpenny.primitives.money import Money
from halfpenny.servicing import errors
from halfpenny.servicing.codec import to_json
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.flows import flows_of
from halfpenny.servicing.model.product import loan_terms
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.service.posting import PostingResult, loan_account, store_replay
from halfpenny.servicing.store import distributions, serviced_loans


async def draw_down(connection: Connection, loan_id: UUID, actor: Actor) -> PostingResult:
    """Pay out a funded loan whose conditions are met, on the terms of its offer, and start its interest.

    Where the law's maximum has fallen below the agreed rate since, the agreement stands and the maximum is due instead
    (Polish civil code, article 359, paragraph 2(2)): the engine limits it. Raises LoanNotFound, WrongStatus,
    NotYourTransition, ReflectionRunning (409 until the last investor's days to think have passed), SelfDealing,
    SeparationOfDuties, ImpossibleTerms.
    """
    loan = await loans.lock(connection, loan_id)
    if loan.status is not Status.CONDITIONS_MET:
        raise loans.WrongStatus(status=loan.status.value, transition="draw_down")
    await loans.bar_interested_staff(connection, actor, loan)
    until = await funding.reflection_running_until(connection, loan_id)
    if until is not None:
        raise errors.ReflectionRunning(until=until.isoformat())
    await loans.check_separation_of_duties(connection, actor, loan)
    today = await business_date(connection)
    terms = terms_of(loan, today)
    serviced = await serviced_loans.insert(connection, loan_id, loan.borrower_id, terms)
    stakes = [(p.investor_id, p.invested_minor) for p in await funding.positions(connection, loan_id)]
    await distributions.insert_holdings(connection, loan_id, stakes, terms.currency, today)
    position = replay(terms, (), today)
    flows = flows_of(terms, position)
    currency, gross, fees = terms.currency, terms.principal.minor, terms.advance_fees_minor()
    escrow = Account(AccountKind.ESCROW, loan_id, currency)
    claims = loan_account(AccountKind.INVESTOR_CLAIMS, serviced)
    legs = [
        (escrow, Account(AccountKind.WALLET, loan.borrower_id, currency), gross - fees - flows.retained),
        (escrow, Account(AccountKind.FEE_INCOME, None, currency), fees),
        (escrow, loan_account(AccountKind.INTEREST_RESERVE, serviced), flows.retained),
        # What the loan owes and what its investors own: the same amount, from the first day to the last.
        (loan_account(AccountKind.LOAN_RECEIVABLE, serviced), claims, gross),
    ]
    transfers = tuple(Transfer(debit, credit, amount) for debit, credit, amount in legs if amount)
    await ledger.post(connection, Journal(JournalId(uuid7()), "drawdown", transfers, today, loan_id))
    await store_replay(connection, serviced, position, flows)
    loan = await loans.transition(
        connection,
        LoanId(loan_id),
        loans.TransitionName.DRAW_DOWN,
        actor,
        drawn_down_on=today,
        matures_on=position.schedule.ends_on,
        data={"terms": to_json(terms)},
    )
    await funding.end_waiting_list(connection, loan)
    return PostingResult(loan, serviced, position, flows)


def terms_of(loan: Loan, advanced_on: date) -> LoanTerms:
    """The terms that a drawdown on a day stores; previews show the same. Raises WrongStatus before the offer."""
    if loan.offer is None:
        raise loans.WrongStatus(status=loan.status.value)
    return loan_terms(
        Money(loan.application.amount_minor, loan.application.currency),
        loan.offer.annual_rate,
        loan.offer.fees,
        loan.application.term_months,
        loan.application.interest_mode,
        advanced_on,
        loan.offer.product_terms,
    )

"""Posting: add servicing events to a loan, replay all of them, and post exactly the difference.

Whatever happens to a drawn loan (a receipt, a pause, a default, a day that passes) comes through here: the events
are added to the log, the engine replays all of them, and one journal moves what the new sums are ahead of the
posted ones. A backdated event needs nothing of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny import ledger, loans
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.loans import Actor, Loan, Status, TransitionName
from halfpenny.platform import outbox
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives import legal_maximum
from halfpenny.primitives.ids import JournalId, LoanId, uuid7
from halfpenny.primitives.money import Currency
from halfpenny.servicing import errors, events
from halfpenny.servicing.model.correcting import Correction
from halfpenny.servicing.model.disproving import disprove
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import (
    CostAdvanced,
    Default,
    DefaultDisproved,
    Event,
    Extension,
    Receipt,
    ReceiptReversal,
    WriteOff,
)
from halfpenny.servicing.model.flows import Flows, flows_of, parts_by_day
from halfpenny.servicing.model.legal_changes import legal_changes
from halfpenny.servicing.model.position import LoanPosition, LoanStanding
from halfpenny.servicing.model.serviced_loan import ServicedLoan, instalment_balances, releases_ahead
from halfpenny.servicing.service import declaring
from halfpenny.servicing.store import recoveries, serviced_loans


@dataclass(frozen=True, slots=True)
class PostingResult:
    """Where the loan stands after a journal, and what the journal moved."""

    loan: Loan
    serviced: ServicedLoan
    position: LoanPosition
    moved: Flows
    receipt_id: str | None = None


def loan_account(kind: AccountKind, serviced: ServicedLoan) -> Account:
    return Account(kind, serviced.loan_id, serviced.currency)


async def serviced_loan(connection: Connection, loan_id: UUID, *, lock: bool = False) -> ServicedLoan:
    """The loan's row in servicing. Raises NotServiced."""
    serviced = await serviced_loans.find(connection, loan_id, lock=lock)
    if serviced is None:
        raise errors.NotServiced()
    return serviced


async def lock_serviced_loan(connection: Connection, loan_id: UUID) -> tuple[Loan, ServicedLoan]:
    """The loan and its row in servicing, both locked. Raises LoanNotFound, NotServiced."""
    loan = await loans.lock(connection, loan_id)
    return loan, await serviced_loan(connection, loan_id, lock=True)


async def post_events(
    connection: Connection,
    loan_id: UUID,
    new: Sequence[Event],
    actor: Actor = loans.SYSTEM,
    *,
    receipts_from: Account | None = None,
    extra: Sequence[Transfer] = (),
    through: date | None = None,
    reason: str | None = None,
) -> PostingResult:
    """Add ``new`` events and post what follows from them by the business date.

    ``receipts_from`` is the account that the new receipts are paid from; ``extra`` transfers join the journal;
    ``through`` replays to an earlier day than today, for the close of that day, unless later events are known. An
    event of a day to come changes nothing before its day: it is checked against what is known now, and the close of
    its day replays it. Changes of the law's maximum rates join the log by themselves (``legal_changes``).
    Where it changes what has been shared out already, each holder's difference goes out or is kept (``declaring``);
    where a receipt shows that a default by days past due never was, that is undone with its own event.
    Raises the engine's named errors, InsufficientAvailable; after any of them nothing is posted, because the caller's
    transaction ends.
    """
    loan, serviced = await lock_serviced_loan(connection, loan_id)
    await loans.bar_interested_staff(connection, actor, loan)
    today = await business_date(connection)
    recorded = await serviced_loans.events(connection, loan_id)
    effective = [event.effective_date for event in new]
    known_to = max(through or today, serviced.replayed_on)
    changes = legal_changes(serviced.terms, recorded, known_to, legal_maximum.published())
    acts, new = new, [*changes, *new]
    happened = [event for event in (*recorded, *new) if event.effective_date <= today]
    # Never before what has been posted already: the close of a day may come after the next day's first receipt.
    as_of = max(through or today, serviced.replayed_on, *(event.effective_date for event in happened))
    if planned := [event.effective_date for event in new if event.effective_date > today]:
        replay(serviced.terms, new, max(planned), recorded=recorded)
    if serviced.standing is LoanStanding.DEFAULTED and any(isinstance(event, Receipt) for event in new):
        new = [*new, *disprove(serviced.terms, [*recorded, *new], as_of)]
    position = replay(serviced.terms, new, as_of, recorded=recorded)
    flows = flows_of(serviced.terms, position)
    moved = flows.since(serviced.posted)
    days = parts_by_day(serviced.terms, position)
    before = parts_by_day(serviced.terms, replay(serviced.terms, (), as_of, recorded=recorded))
    shares: list[Correction] | None = None
    if await declaring.needs_correction(connection, serviced, before, days, moved):
        shares = await declaring.plan_correction(connection, serviced, days)
        await declaring.fund_correction(connection, serviced, shares)
    number = await serviced_loans.next_event_number(connection, loan_id)
    # What the law and the days past due bring is nobody's act, whoever's receipt found it.
    by = [(event, actor.user_id if any(event is act for act in acts) else None) for event in new]
    await serviced_loans.add_events(connection, loan_id, by, number, today)
    await outbox.append_many(connection, events.forbearance_measures(loan_id, number, new))
    # A change of the law moves no money by itself: what follows from it moves today, or with what else is new.
    effective_on = min(as_of, today, *effective)
    main = (ledger_event(new), [*extra, *transfers_of(serviced, moved, receipts_from)])
    await _post_journals(connection, serviced, main, moved.costs_waived, effective_on)
    if shares is None:
        await declaring.declare_new_days(connection, serviced, days)
    else:
        await declaring.record_correction(connection, serviced, shares, days)
    await store_replay(connection, serviced, position, flows)
    loan = await _transition_loan(connection, loan, position, new, actor, reason)
    await recoveries.close_with_loan(connection, loan_id, position.closed_on)
    receipt_id = next((event.id for event in new if isinstance(event, Receipt) and event.id), None)
    return PostingResult(loan, serviced, position, moved, receipt_id)


async def _post_journals(
    connection: Connection,
    serviced: ServicedLoan,
    main: tuple[str, list[Transfer]],
    costs_waived: int,
    effective_on: date,
) -> None:
    """The replay's own journal, between waivers taken back and waivers made: what is owed again is owed before it is
    paid. In one call, which locks the accounts of all of them in the order of every writer."""
    journals = (
        ("waiver", waived_of(serviced, min(costs_waived, 0))),
        main,
        ("waiver", waived_of(serviced, max(costs_waived, 0))),
    )
    posted = [
        Journal(JournalId(uuid7()), name, tuple(transfers), effective_on, serviced.loan_id)
        for name, transfers in journals
        if transfers
    ]
    if posted:
        await ledger.post_many(connection, posted)


def ledger_event(new: Sequence[Event]) -> str:
    """Under which line of the ledger's chart a replay posts: only a receipt and an advanced cost move outside money."""
    kinds = {type(event) for event in new}
    if CostAdvanced in kinds:
        return "cost_advanced"
    if ReceiptReversal in kinds:
        return "receipt_reversed"
    return "receipt" if Receipt in kinds else "servicing"


def transfers_of(serviced: ServicedLoan, moved: Flows, receipts_from: Account | None) -> list[Transfer]:
    """The chart of accounts for a difference of sums; a negative one goes the other way."""
    currency = serviced.currency
    collections = loan_account(AccountKind.COLLECTIONS, serviced)
    reserve = loan_account(AccountKind.INTEREST_RESERVE, serviced)
    wallet = Account(AccountKind.WALLET, serviced.borrower_id, currency)
    flows = [
        (reserve, collections, moved.released),
        (reserve, wallet, moved.rebated),
        (collections, Account(AccountKind.FEE_INCOME, None, currency), moved.fees),
        (collections, Account(AccountKind.DEFAULT_INCOME, None, currency), moved.default_income),
        (collections, loan_account(AccountKind.RECOVERY_ADVANCE, serviced), moved.costs),
        (collections, wallet, moved.returned),
        (collections, loan_account(AccountKind.ADVANCE_PAYMENTS, serviced), moved.held),
        (collections, loan_account(AccountKind.DISTRIBUTION_PAYABLE, serviced), moved.to_investors),
    ]
    if receipts_from is not None:
        flows.insert(0, (receipts_from, collections, moved.received))
    transfers = [
        Transfer(debit, credit, amount) if amount > 0 else Transfer(credit, debit, -amount)
        for debit, credit, amount in flows
        if amount
    ]
    # What comes into the collections first: they never fall below zero on the way.
    return sorted(transfers, key=lambda transfer: transfer.credit != collections)


def waived_of(serviced: ServicedLoan, minor: int) -> list[Transfer]:
    """Recovery costs that the platform's fees bear now; below zero, what they bear no more."""
    fee_income = Account(AccountKind.FEE_INCOME, None, serviced.currency)
    advance = loan_account(AccountKind.RECOVERY_ADVANCE, serviced)
    if not minor:
        return []
    return [Transfer(fee_income, advance, minor) if minor > 0 else Transfer(advance, fee_income, -minor)]


async def store_replay(connection: Connection, serviced: ServicedLoan, position: LoanPosition, flows: Flows) -> None:
    """Store the result of the replay: sums and marks, the whole schedule, and the segments that accrual reads."""
    await serviced_loans.store_position(connection, serviced.loan_id, position, flows)
    await serviced_loans.rewrite_schedule(
        connection,
        serviced.loan_id,
        instalment_balances(position),
        releases_ahead(serviced.terms, position),
    )
    await serviced_loans.rewrite_segments(
        connection,
        serviced.loan_id,
        position.schedule.segments,
        position.overdue_segments,
        position.default_interest_settled,
    )


async def _transition_loan(
    connection: Connection, loan: Loan, position: LoanPosition, new: Sequence[Event], actor: Actor, reason: str | None
) -> Loan:
    """Let the loan's status follow its position; events and their audit entries come with each transition."""
    kinds = {type(event) for event in new}
    if DefaultDisproved in kinds and loan.status is Status.DEFAULTED:
        loan = await _undo_default(connection, loan, position, reason)
    if loan.status is Status.REPAID and position.closed_on is None:
        loan = await _reopen(connection, loan, position, actor, reason)
    steps: list[tuple[TransitionName, bool]] = [
        (TransitionName.EXTEND, Extension in kinds and loan.status is Status.MATURED),
        (TransitionName.DEFAULT, Default in kinds and loan.status in loans.RUNNING_STATUSES),
        (TransitionName.WRITE_OFF, WriteOff in kinds),
        (
            TransitionName.REPAY,
            position.closed_on is not None and not position.written_off and loan.status in _REPAYABLE,
        ),
    ]
    matures_on = position.schedule.ends_on
    for name, wanted in steps:
        if wanted:
            person = actor if actor.kind in loans.TRANSITIONS[name].actor_kinds else loans.SYSTEM
            loan = await loans.transition(
                connection, LoanId(loan.id), name, person, matures_on=matures_on, reason=reason
            )
    if loan.matures_on not in {None, matures_on} and position.closed_on is None and Extension in kinds:
        loan = await loans.reschedule(connection, loan.id, matures_on, actor, reason)
    return loan


async def _undo_default(connection: Connection, loan: Loan, position: LoanPosition, reason: str | None) -> Loan:
    """The loan never was in default: it goes on from where it was before, matured or not."""
    loan = await loans.transition(connection, LoanId(loan.id), TransitionName.UNDO_DEFAULT, reason=reason)
    if position.schedule.ends_on < position.as_of and position.closed_on is None:
        loan = await loans.transition(connection, LoanId(loan.id), TransitionName.MATURE)
    return loan


async def _reopen(connection: Connection, loan: Loan, position: LoanPosition, actor: Actor, reason: str | None) -> Loan:
    """What had paid the loan off was taken back: it goes on from where it was before, its recovery case with it."""
    person = actor if actor.kind in loans.TRANSITIONS[TransitionName.REOPEN].actor_kinds else loans.SYSTEM
    matures_on = position.schedule.ends_on
    loan = await loans.transition(
        connection, LoanId(loan.id), TransitionName.REOPEN, person, matures_on=matures_on, reason=reason
    )
    if position.defaulted_on is not None:
        loan = await loans.transition(connection, LoanId(loan.id), TransitionName.DEFAULT, person, reason=reason)
        if await recoveries.case(connection, loan.id) is not None:
            loan = await loans.transition(
                connection, LoanId(loan.id), TransitionName.START_RECOVERY, person, reason=reason
            )
        if position.written_off:
            loan = await loans.transition(connection, LoanId(loan.id), TransitionName.WRITE_OFF, person, reason=reason)
    elif matures_on < position.as_of:
        loan = await loans.transition(connection, LoanId(loan.id), TransitionName.MATURE)
    return loan


_REPAYABLE = loans.TRANSITIONS[TransitionName.REPAY].sources


def bank(currency: Currency) -> Account:
    """Our client account at the bank."""
    return Account(AccountKind.CLIENT_BANK, None, currency)

"""An independent reference for the servicing engine: Decimal, day by day, as slow and plain as it can be.

It shares no code with the engine. It knows loans whose interest is serviced, further tranches, pauses, late and
partial receipts, and the order of payment before default: default interest, interest, principal.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from itertools import pairwise

CENT = Decimal("0.01")
DAY = timedelta(days=1)


def cents(value: Decimal) -> Decimal:
    """Half up; the 30th decimal first, so that a quotient that is a tie counts as one."""
    return value.quantize(Decimal(1).scaleb(-30), rounding=ROUND_HALF_UP).quantize(CENT, rounding=ROUND_HALF_UP)


def due_date(advanced_on: date, number: int, roll_forward: bool) -> date:
    year, month = advanced_on.year, advanced_on.month
    for _ in range(number):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    last = monthrange(year, month)[1]
    if advanced_on.day <= last:
        return date(year, month, advanced_on.day)
    day = date(year, month, last)
    return day + DAY if roll_forward else day


@dataclass
class NaiveLoan:
    principal: Decimal
    annual_percent: Decimal
    repayment: str
    periods: int
    advanced_on: date
    day_count: str
    roll_forward: bool = False
    default_percent: Decimal = Decimal(0)
    count_due_date: bool = False
    drawdowns: dict[date, Decimal] = field(default_factory=dict)
    pauses: list[tuple[date, date]] = field(default_factory=list)


@dataclass
class NaiveRow:
    due_on: date
    principal: Decimal
    interest: Decimal
    balance: Decimal
    unpaid_principal: Decimal = Decimal(0)
    unpaid_interest: Decimal = Decimal(0)


@dataclass
class NaivePosition:
    rows: list[NaiveRow]
    outstanding: Decimal
    default_interest_due: Decimal
    default_interest_paid: Decimal
    interest_paid: Decimal
    returned: Decimal
    days_past_due: int


def paused(loan: NaiveLoan, day: date) -> bool:
    return any(first <= day <= last for first, last in loan.pauses)


def interest_of(loan: NaiveLoan, start: date, end: date, balances: dict[date, Decimal], *, pausing: bool) -> Decimal:
    """Interest over (start, end], unrounded: each day on the balance at its beginning."""
    by_year_length: dict[int, Decimal] = {}
    day = start + DAY
    while day <= end:
        if not (pausing and paused(loan, day)):
            length = {
                "ACT_365F": 365,
                "ACT_360": 360,
                "ACT_ACT": 366 if isleap(day.year) else 365,
                "THIRTY_360": 12 * (end - start).days,
            }[loan.day_count]
            by_year_length[length] = by_year_length.get(length, Decimal(0)) + balances[day]
        day += DAY
    return sum((total * loan.annual_percent / (100 * length) for length, total in by_year_length.items()), Decimal(0))


def whole_period_rate(loan: NaiveLoan, start: date, end: date) -> Decimal:
    ones = {start + DAY * n: Decimal(1) for n in range(1, (end - start).days + 1)}
    return interest_of(loan, start, end, ones, pausing=False)


def schedule(loan: NaiveLoan) -> list[NaiveRow]:
    with localcontext() as context:
        context.prec = 80
        return _schedule(loan)


def _schedule(loan: NaiveLoan) -> list[NaiveRow]:
    dues = [due_date(loan.advanced_on, number, loan.roll_forward) for number in range(loan.periods + 1)]
    balance = loan.principal + loan.drawdowns.get(loan.advanced_on, Decimal(0))
    rows: list[NaiveRow] = []
    instalment = part = Decimal(0)
    stale = True
    for number in range(1, loan.periods + 1):
        start, end = dues[number - 1], dues[number]
        balances: dict[date, Decimal] = {}
        for day in (start + DAY * n for n in range(1, (end - start).days + 1)):
            # A tranche bears interest from the day after it.
            drawn = loan.drawdowns.get(day - DAY, Decimal(0)) if day - DAY != loan.advanced_on else Decimal(0)
            balance += drawn
            stale = stale or drawn > 0
            balances[day] = balance
        interest = cents(interest_of(loan, start, end, balances, pausing=True))
        left = loan.periods - number + 1
        if stale:
            unpaused = interest_of(loan, start, end, balances, pausing=False)
            instalment = level(loan, balance + unpaused, dues[number:])
            part = balance / left
            if cents(part) * (left - 1) >= balance:
                part = max((balance / left).quantize(CENT, rounding=ROUND_DOWN), CENT)
            stale = False
        if number == loan.periods:
            principal = balance
        elif loan.repayment == "bullet":
            principal = Decimal(0)
        elif loan.repayment == "annuity":
            principal = min(max(instalment - interest, Decimal(0)), balance)
            stale = interest > instalment
        else:
            principal = min(max(max(cents(part + interest), CENT) - interest, Decimal(0)), balance)
        balance -= principal
        if principal or interest or loan.repayment == "bullet":
            rows.append(NaiveRow(end, principal, interest, balance))
    return rows


def level(loan: NaiveLoan, grown: Decimal, dues: list[date]) -> Decimal:
    """The annuity in cents: half up, or the cent below where half up leaves nothing for the last instalment."""
    found = max(cents(annuity(loan, grown, dues)), CENT)
    left = cents(grown) - found
    for start, end in list(pairwise(dues))[:-1]:
        if left <= 0:
            break
        left += cents(left * whole_period_rate(loan, start, end)) - found
    return found if left > 0 or len(dues) == 1 else max(found - CENT, CENT)


def annuity(loan: NaiveLoan, grown: Decimal, dues: list[date]) -> Decimal:
    """``grown`` is the balance with the first period's interest; ``dues`` start with the first due date."""
    factors = [1 + whole_period_rate(loan, start, end) for start, end in pairwise(dues)]
    total = Decimal(0)
    for j in range(len(factors) + 1):
        product = Decimal(1)
        for factor in factors[j:]:
            product *= factor
        total += product
    for factor in factors:
        grown *= factor
    return grown / total


def service(loan: NaiveLoan, receipts: list[tuple[date, Decimal]], as_of: date) -> NaivePosition:
    """Walk day by day: what falls due, what overdue amounts bear, what each receipt pays."""
    with localcontext() as context:
        context.prec = 80
        rows = schedule(loan)
        for row in rows:
            row.unpaid_principal, row.unpaid_interest = row.principal, row.interest
        paid_principal = default_paid = interest_paid = returned = Decimal(0)
        bearing = Decimal(0)  # the sum of what was overdue on each day
        day = loan.advanced_on
        while day <= as_of:
            for row in rows:
                unpaid = row.unpaid_principal + row.unpaid_interest
                if row.due_on < day:
                    # With the option the due date itself counts too, once the day after it has come.
                    bearing += unpaid * (2 if loan.count_due_date and row.due_on == day - DAY else 1)
            for _, amount in (receipt for receipt in receipts if receipt[0] == day):
                left = amount
                owed = cents(bearing * loan.default_percent / 36_500) - default_paid
                part = min(left, owed)
                default_paid += part
                left -= part
                for name in ("unpaid_interest", "unpaid_principal"):
                    for row in rows:
                        if row.due_on > day:
                            continue
                        part = min(left, getattr(row, name))
                        setattr(row, name, getattr(row, name) - part)
                        left -= part
                        if name == "unpaid_principal":
                            paid_principal += part
                        else:
                            interest_paid += part
                returned += left
            day += DAY
        late = [row.due_on for row in rows if row.due_on <= as_of and row.unpaid_principal + row.unpaid_interest]
        drawn = loan.principal + sum(amount for on, amount in loan.drawdowns.items() if on <= as_of)
        return NaivePosition(
            rows=rows,
            outstanding=drawn - paid_principal,
            default_interest_due=cents(bearing * loan.default_percent / 36_500) - default_paid,
            default_interest_paid=default_paid,
            interest_paid=interest_paid,
            returned=returned,
            days_past_due=(as_of - late[0]).days + loan.count_due_date if late else 0,
        )

"""An independent reference for the servicing engine: Decimal, day by day, as slow and plain as it can be.

It shares no code with the engine. It knows loans whose interest is serviced, further tranches, pauses, changes of the
law's maximum rates, receipts that are early (they wait for the next instalment, or redeem), late, partial, bounced, or
several on a day, the order of payment before default: default interest, interest, principal; and the two counts of
days, past due and materially so.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from functools import cache
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
    # Days from which the law allows at most so much contract and default interest, percent a year.
    maxima: dict[date, tuple[Decimal, Decimal]] = field(default_factory=dict)
    default_interest_on_interest: bool = True

    def contract_percent_on(self, day: date) -> Decimal:
        return min(self.annual_percent, self.maximum_on(day)[0])

    def default_percent_on(self, day: date) -> Decimal:
        return min(self.default_percent, self.maximum_on(day)[1])

    def maximum_on(self, day: date) -> tuple[Decimal, Decimal]:
        known = [since for since in self.maxima if since <= day]
        return self.maxima[max(known)] if known else (Decimal(1000), Decimal(1000))


@dataclass
class NaiveReceipt:
    """``bounced_on`` is when the bank took the money back."""

    received_on: date
    amount: Decimal
    bounced_on: date | None = None


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
    waiting: Decimal
    closed_on: date | None
    days_past_due: int
    days_material: int


def paused(loan: NaiveLoan, day: date) -> bool:
    return any(first <= day <= last for first, last in loan.pauses)


def interest_of(
    loan: NaiveLoan,
    start: date,
    end: date,
    balances: dict[date, Decimal],
    *,
    pausing: bool,
    until: date | None = None,
) -> Decimal:
    """Interest over (start, end], unrounded: each day on the balance at its beginning; only up to ``until``."""
    # By the length of the year and the rate: products of sums, so that nothing is rounded before.
    sums: dict[tuple[int, Decimal], Decimal] = {}
    day = start + DAY
    while day <= (until or end):
        if not (pausing and paused(loan, day)):
            length = {
                "ACT_365F": 365,
                "ACT_360": 360,
                "ACT_ACT": 366 if isleap(day.year) else 365,
                "THIRTY_360": 12 * (end - start).days,
            }[loan.day_count]
            key = (length, loan.contract_percent_on(day))
            sums[key] = sums.get(key, Decimal(0)) + balances[day]
        day += DAY
    return sum((total * percent / (100 * length) for (length, percent), total in sums.items()), Decimal(0))


def whole_period_rate(loan: NaiveLoan, start: date, end: date) -> Decimal:
    return _whole_period_rate(loan.annual_percent, loan.day_count, start, end)


@cache  # an annuity asks for the same periods with every instalment, and every schedule again
def _whole_period_rate(annual_percent: Decimal, day_count: str, start: date, end: date) -> Decimal:
    one = NaiveLoan(Decimal(1), annual_percent, "bullet", 1, start, day_count)
    ones = {start + DAY * n: Decimal(1) for n in range(1, (end - start).days + 1)}
    with localcontext() as context:
        context.prec = 80
        return interest_of(one, start, end, ones, pausing=False)


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


def redemption_row(loan: NaiveLoan, rows: list[NaiveRow], day: date) -> NaiveRow:
    """All principal that has not fallen due and the interest since the last due date, falling due on ``day``."""
    dues = [due_date(loan.advanced_on, number, loan.roll_forward) for number in range(loan.periods + 1)]
    start = max(due for due in dues if due <= day)
    end = min(due for due in dues if due > day)
    fallen = [row for row in rows if row.due_on <= day]
    # A row's balance leaves out what was drawn on its own day.
    balance = fallen[-1].balance if fallen else loan.principal
    since = fallen[-1].due_on if fallen else loan.advanced_on
    balances = {}
    on = since
    while on <= day:
        if on > start:
            balances[on] = balance
        balance += loan.drawdowns.get(on, Decimal(0))
        on += DAY
    interest = cents(interest_of(loan, start, end, balances, pausing=True, until=day))
    return NaiveRow(day, balance, interest, Decimal(0), balance, interest)


def service(
    loan: NaiveLoan,
    receipts: list[NaiveReceipt],
    as_of: date,
    material_above: Decimal = Decimal(0),
    material_percent: Decimal = Decimal(0),
) -> NaivePosition:
    """Walk day by day: what falls due, what overdue amounts bear, what each receipt pays.

    Arrears are material above both an amount in the loan's currency and a percentage of all that the loan owes.
    """
    with localcontext() as context:
        context.prec = 80
        return _Service(loan, receipts, material_above, material_percent).walk(as_of)


class _Service:
    def __init__(
        self, loan: NaiveLoan, receipts: list[NaiveReceipt], material_above: Decimal, material_percent: Decimal
    ) -> None:
        self.loan = loan
        # Money that was taken back had never come, on the days before the bank took it too: a replay of any day knows
        # all that is known today, as it does of a receipt that was reported late.
        self.receipts = [(one.received_on, one.amount) for one in receipts if one.bounced_on is None]
        self.material_above = material_above
        self.material_percent = material_percent
        self.material_since: date | None = None
        self.rows = schedule(loan)
        for row in self.rows:
            row.unpaid_principal, row.unpaid_interest = row.principal, row.interest
        self.paid_principal = self.default_paid = self.interest_paid = Decimal(0)
        self.returned = self.waiting = Decimal(0)
        self.bearing = Decimal(0)  # the sum of what was overdue on each day, times that day's percentage
        self.closed_on: date | None = None
        self.known: dict[tuple[int, int, int], list[NaiveRow]] = {}

    def walk(self, as_of: date) -> NaivePosition:
        loan, day = self.loan, self.loan.advanced_on
        while day <= as_of:
            for row in self.rows:
                if row.due_on < day:
                    # With the option the due date itself counts too, once the day after it has come.
                    twice = loan.count_due_date and row.due_on == day - DAY
                    interest = row.unpaid_interest if loan.default_interest_on_interest else Decimal(0)
                    base = (row.unpaid_principal + interest) * (2 if twice else 1)
                    self.bearing += base * loan.default_percent_on(day)
            self.use_what_waits(day)
            self.close(day)
            for amount in sorted(amount for on, amount in self.receipts if on == day):
                self.receive(day, amount)
                self.close(day)
            if not self.is_material(day):
                self.material_since = None
            elif self.material_since is None:
                self.material_since = day
            day += DAY
        late = [row.due_on for row in self.due(as_of) if row.unpaid_principal + row.unpaid_interest]
        return NaivePosition(
            rows=self.rows,
            outstanding=self.outstanding(as_of),
            default_interest_due=self.default_due(),
            default_interest_paid=self.default_paid,
            interest_paid=self.interest_paid,
            returned=self.returned,
            waiting=self.waiting,
            closed_on=self.closed_on,
            days_past_due=(as_of - late[0]).days + loan.count_due_date if late else 0,
            days_material=(as_of - self.material_since).days + loan.count_due_date if self.material_since else 0,
        )

    def outstanding(self, day: date) -> Decimal:
        # A tranche planned for after an early redemption is never drawn.
        last = min(day, self.rows[-1].due_on)
        drawn = sum(amount for on, amount in self.loan.drawdowns.items() if on <= last)
        return self.loan.principal + drawn - self.paid_principal

    def is_material(self, day: date) -> bool:
        """Whether the instalments in arrears at the end of the day, without default interest, exceed both limits."""
        interest = sum(row.unpaid_interest for row in self.due(day))
        arrears = interest + sum(row.unpaid_principal for row in self.due(day))
        owes = self.outstanding(day) + interest
        return arrears > self.material_above and arrears * 100 > owes * self.material_percent

    def due(self, day: date) -> list[NaiveRow]:
        return [row for row in self.rows if row.due_on <= day]

    def default_due(self) -> Decimal:
        return cents(self.bearing / 36_500) - self.default_paid

    def owed(self, day: date) -> Decimal:
        return self.default_due() + sum(row.unpaid_principal + row.unpaid_interest for row in self.due(day))

    def close(self, day: date) -> None:
        if self.closed_on is None and self.rows[-1].due_on <= day and not self.owed(day):
            self.closed_on = day

    def use_what_waits(self, day: date) -> None:
        ended = self.rows[-1].due_on <= day
        amount = self.waiting if ended else min(self.waiting, self.owed(day))
        self.waiting -= amount
        self.pay(day, amount)

    def receive(self, day: date, amount: Decimal) -> None:
        held = Decimal(0)
        excess = amount - self.owed(day)
        ahead: list[NaiveRow] = []
        if excess > 0 and self.rows[-1].due_on > day:
            ahead = [row for row in self.schedule_known_on(day) if row.due_on > day]
        if ahead:
            last = redemption_row(self.loan, self.rows, day)
            if amount >= self.owed(day) + last.principal + last.interest - self.waiting:
                self.rows = [*self.due(day), last]
                self.use_what_waits(day)
            else:
                held = min(excess, max(ahead[0].principal + ahead[0].interest - self.waiting, Decimal(0)))
                self.waiting += held
        self.pay(day, amount - held)

    def schedule_known_on(self, day: date) -> list[NaiveRow]:
        """With the tranches, pauses and maxima known that day: where two days knew as many, they knew the same."""
        drawdowns = {on: drawn for on, drawn in self.loan.drawdowns.items() if on <= day}
        pauses = [pause for pause in self.loan.pauses if pause[0] <= day]
        maxima = {since: maximum for since, maximum in self.loan.maxima.items() if since <= day}
        known = (len(drawdowns), len(pauses), len(maxima))
        if known not in self.known:
            self.known[known] = schedule(replace(self.loan, drawdowns=drawdowns, pauses=pauses, maxima=maxima))
        return self.known[known]

    def pay(self, day: date, left: Decimal) -> None:
        part = min(left, self.default_due())
        self.default_paid += part
        left -= part
        for name in ("unpaid_interest", "unpaid_principal"):
            for row in self.due(day):
                part = min(left, getattr(row, name))
                setattr(row, name, getattr(row, name) - part)
                left -= part
                if name == "unpaid_principal":
                    self.paid_principal += part
                else:
                    self.interest_paid += part
        self.returned += left

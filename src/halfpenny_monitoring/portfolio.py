"""The book as a whole: one common shock to all its properties, and where its money lies together.

The shock is the same for every loan, as a fall of the market is: prices and months of the stress grid that the models
answered with each assessment. So the loss of the book in a shock is the sum of its loans' own expected losses in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from halfpenny_monitoring.money import EuroRates, cents, in_euro

# How many of the largest are named in a concentration.
NAMED = 10


class StressedLoss(Struct, frozen=True):
    """One loan in one shock, as the assessment answered: fractions of the amount lent."""

    expected_loss: Decimal
    loss_given_default: Decimal


class Exposure(Struct, frozen=True, kw_only=True):
    """One drawn loan with principal outstanding. ``principal_minor`` is in hundredths of ``currency``.

    The figures are those of the newest answer about its present terms; ``first_probability`` is that of the answer
    which its decision went by. ``group`` names borrowers who are related to each other. ``stress`` is by (price change
    in percent, months later).
    """

    loan_id: str
    group: str
    currency: str
    principal_minor: int
    country: str
    city: str
    charge_rank: int
    property_kind: str
    grade: str
    probability_of_default: Decimal
    loss_given_default: Decimal
    first_probability: Decimal
    matures_on: date
    annual_rate_percent: Decimal
    days_past_due: int
    defaulted: bool
    stress: Mapping[tuple[int, int], StressedLoss]


class StressResult(Struct, frozen=True, kw_only=True):
    """Expected loss of the book in one shock, in euros and as a share of what was stressed."""

    price_change_percent: int
    extra_months: int
    expected_loss: Decimal
    share: float


class Cluster(Struct, frozen=True, kw_only=True):
    """Loans that share something. ``loan_id`` is the largest of them."""

    name: str
    loan_id: str
    loans: int
    exposure: Decimal
    share: float
    expected_loss: Decimal


class Concentration(Struct, frozen=True, kw_only=True):
    """The largest clusters of one kind. ``herfindahl`` is the sum of squared shares of all: 1 is one cluster alone."""

    kind: str
    clusters: int
    herfindahl: float
    largest: tuple[Cluster, ...]


def euro(exposure: Exposure, rates: EuroRates) -> Decimal:
    """The principal in euros, not rounded."""
    return in_euro(Decimal(exposure.principal_minor) / 100, exposure.currency, rates)


def expected_loss(exposure: Exposure, rates: EuroRates) -> Decimal:
    """Expected loss over the loan's life in euros, not rounded; of a defaulted loan the loss given default."""
    probability = Decimal(1) if exposure.defaulted else exposure.probability_of_default
    return euro(exposure, rates) * probability * exposure.loss_given_default


def stress(exposures: Sequence[Exposure], rates: EuroRates) -> tuple[list[StressResult], Decimal]:
    """The book in every shock that its answers know, the present one first, and the euros that no answer stressed."""
    known = [exposure for exposure in exposures if exposure.stress]
    whole = sum((euro(exposure, rates) for exposure in known), Decimal(0))
    shocks = sorted({shock for exposure in known for shock in exposure.stress}, key=lambda shock: (-shock[0], shock[1]))
    found = [_result(0, 0, sum((expected_loss(each, rates) for each in known), Decimal(0)), whole)] if known else []
    for price, months in shocks:
        lost = sum((_stressed(each, (price, months), rates) for each in known), Decimal(0))
        found.append(_result(price, months, lost, whole))
    left = sum((euro(exposure, rates) for exposure in exposures if not exposure.stress), Decimal(0))
    return found, cents(left)


def _stressed(exposure: Exposure, shock: tuple[int, int], rates: EuroRates) -> Decimal:
    # An answer of an older grid may lack a shock: its worst known one stands in for it.
    cell = exposure.stress.get(shock) or max(exposure.stress.values(), key=lambda each: each.expected_loss)
    return euro(exposure, rates) * (cell.loss_given_default if exposure.defaulted else cell.expected_loss)


def _result(price: int, months: int, lost: Decimal, whole: Decimal) -> StressResult:
    return StressResult(
        price_change_percent=price,
        extra_months=months,
        expected_loss=cents(lost),
        share=float(lost / whole) if whole else 0.0,
    )


BORROWER_GROUP = "borrower_group"
KINDS: tuple[tuple[str, Callable[[Exposure], str]], ...] = (
    (BORROWER_GROUP, lambda e: e.group),
    ("place", lambda e: f"{e.city}, {e.country}"),
    ("charge_rank", lambda e: str(e.charge_rank)),
    ("property_kind", lambda e: e.property_kind),
    ("grade", lambda e: e.grade),
    ("currency", lambda e: e.currency),
)


def concentrations(exposures: Sequence[Exposure], rates: EuroRates) -> list[Concentration]:
    """How concentrated the book is, by each of KINDS."""
    return [_concentration(kind, exposures, name_of, rates) for kind, name_of in KINDS]


def _concentration(
    kind: str, exposures: Sequence[Exposure], name_of: Callable[[Exposure], str], rates: EuroRates
) -> Concentration:
    together: dict[str, list[Exposure]] = {}
    for exposure in exposures:
        together.setdefault(name_of(exposure), []).append(exposure)
    whole = sum((euro(exposure, rates) for exposure in exposures), Decimal(0))
    found = [_cluster(name, loans, whole, rates) for name, loans in together.items()]
    found.sort(key=lambda cluster: (-cluster.share, cluster.name))
    return Concentration(
        kind=kind,
        clusters=len(found),
        herfindahl=sum(cluster.share**2 for cluster in found),
        largest=tuple(found[:NAMED]),
    )


def _cluster(name: str, loans: Sequence[Exposure], whole: Decimal, rates: EuroRates) -> Cluster:
    exposure = sum((euro(loan, rates) for loan in loans), Decimal(0))
    return Cluster(
        name=name,
        loan_id=max(loans, key=lambda loan: (euro(loan, rates), loan.loan_id)).loan_id,
        loans=len(loans),
        exposure=cents(exposure),
        share=float(exposure / whole) if whole else 0.0,
        expected_loss=cents(sum((expected_loss(loan, rates) for loan in loans), Decimal(0))),
    )


def related_groups(borrowers: Iterable[str], related: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Each borrower's group: whoever is related, also through somebody who borrows nothing, has the same name."""
    parent: dict[str, str] = {}

    def root(person: str) -> str:
        parent.setdefault(person, person)
        while parent[person] != person:
            parent[person] = parent[parent[person]]
            person = parent[person]
        return person

    for person, others in related.items():
        for other in others:
            one, two = sorted((root(person), root(other)))
            parent[two] = one
    return {borrower: root(borrower) for borrower in borrowers}

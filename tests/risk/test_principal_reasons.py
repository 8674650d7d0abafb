"""Row 13: at most four principal reasons against, specific, in order, each with what would change it."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from halfpenny_messages import (
    ExitStrategy,
    LoanAssessed,
    LoanInterestMode,
    LoanSubmitted,
    Premises,
    PrincipalReason,
    ValuationSource,
)
from halfpenny_risk.assess import ModelSet, assess, score_application
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import facts_of
from halfpenny_risk.policy import load_policies
from halfpenny_risk.wording import DECISIONS
from support.risk_applications import SUBMITTED_AT, changed

POLICIES = load_policies()
DUBLIN = {"lat": 53.35, "lon": -6.26, "country": "IE", "currency": "EUR"}
WEAK = {**DUBLIN, "amount": "395000.00", "income": "46000.00", "interest_mode": LoanInterestMode.ROLLED_UP}

BORROWERS_OWN = frozenset(
    ("income", "assets", "debts", "costs", "years_trading", "premises", "adverse_records", "facts_missing")
)


@pytest.fixture(scope="module")
def models() -> ModelSet:
    return load_models("champion")


def answer(models: ModelSet, **changes: Any) -> LoanAssessed:
    return assess(UUID(int=13), changed(**changes), models, POLICIES)


def test_row_13_against_and_for_are_apart_few_and_in_order(models: ModelSet) -> None:
    dice = random.Random(1313)
    for _ in range(60):
        assessed = answer(
            models,
            **DUBLIN,
            amount=f"{dice.randint(90, 430)}000.00",
            income=f"{dice.randint(5, 300)}000.00",
            assets=f"{dice.randint(20, 2_000)}000.00",
            debts=f"{dice.randint(0, 400)}000.00",
            adverse_records=dice.choice((0, 0, 1, 3, 7)),
            renovation_cost=dice.choice(("0", "90000.00")),
        )
        against, favour = assessed.principal_against, assessed.principal_for
        assert len(against) <= 4 and len(favour) <= 4
        codes = [reason.code for reason in (*against, *favour)]
        assert len(set(codes)) == len(codes), "nothing is said twice, and nothing on both sides"
        beyond = [reason for reason in against if "policy" in reason.text.en]
        assert list(against[: len(beyond)]) == beyond, "what passed a limit comes first"
        weights = [float(reason.contribution) for reason in against[len(beyond) :]]
        assert weights == sorted(weights, reverse=True) and all(weight > 0.0 for weight in weights)
        assert all(float(reason.contribution) < 0.0 for reason in favour)
        for reason in (*against, *favour):
            assert reason.text.en and reason.text.pl and "does not ask for" not in reason.text.en
        if assessed.recommendation == "decline":
            assert against


def test_row_13_the_counterfactual_is_what_the_model_says_of_the_changed_application(models: ModelSet) -> None:
    assessed = answer(models, **WEAK)
    [leverage] = [reason for reason in assessed.principal_against if reason.code == "leverage"]
    assert leverage.change is not None
    outcome = re.fullmatch(
        r"At (\d+)% of the value that the risk assessment uses: grade ([A-E]), (.*)\.", leverage.change.en
    )
    assert outcome is not None
    percent, grade = int(outcome[1]), outcome[2]
    used = float(assessed.valuation.used)
    at = score_application(changed(**{**WEAK, "amount": f"{percent / 100 * used:.2f}"}), models, POLICIES)
    above = score_application(changed(**{**WEAK, "amount": f"{(percent + 1) / 100 * used:.2f}"}), models, POLICIES)
    assert at.grade == grade < assessed.grade
    assert above.grade == assessed.grade, "one percent more would not have done"


DEEP = [
    {"amount": "430000.00", "adverse_records": 2, "renovation_cost": "150000.00"},
    {"amount": "450000.00", "adverse_records": 2, "renovation_cost": "150000.00"},
    {"amount": "445000.00", "adverse_records": 3, "renovation_cost": "120000.00", "income": "30000.00"},
    {"amount": "410000.00", "adverse_records": 3, "renovation_cost": "140000.00", "term_months": 18},
]


@pytest.mark.parametrize("asked", DEEP)
def test_row_13_far_below_what_is_asked_for_no_point_more_would_have_done(
    models: ModelSet, asked: dict[str, Any]
) -> None:
    assessed = answer(models, **asked)
    [leverage] = [reason for reason in assessed.principal_against if reason.code == "leverage"]
    assert leverage.change is not None
    outcome = re.match(r"At (\d+)% of the value that the risk assessment uses: grade ([A-E])", leverage.change.en)
    assert outcome is not None, leverage.change.en
    used, percent = float(assessed.valuation.used), int(outcome[1])
    now = math.ceil(100.0 * float(asked["amount"]) / used) - 1
    assert now - percent > 20, "far below"
    order = ("approve", "refer", "decline")
    for points in range(percent, now + 1):
        scored = score_application(changed(**{**asked, "amount": f"{points / 100 * used:.2f}"}), models, POLICIES)
        rank = order.index(scored.recommendation)
        better = scored.grade < assessed.grade or rank < order.index(assessed.recommendation)
        assert better == (points == percent), points


def test_row_13_years_of_trading_and_assets_are_the_fewest_that_do(models: ModelSet) -> None:
    asked = {"amount": "300000.00"}
    assessed = answer(models, **asked)
    by_code = {reason.code: reason.change.en for reason in assessed.principal_against if reason.change}
    years = re.match(r"Having traded for (\d+) years: grade ([A-E])", by_code["years_trading"])
    assets = re.match(r"With assets of ([\d,]+) EUR: grade ([A-E])", by_code["assets"])
    assert years is not None and assets is not None
    stated = float(changed(**asked).borrower.assets or 0)
    fewer = [{"years_trading": number} for number in range(1, int(years[1]))]
    parts = round(float(assets[1].replace(",", "")) / stated * 20)
    fewer += [{"assets": f"{stated * part / 20:.2f}"} for part in range(20, parts)]
    assert len(fewer) > 2
    for less in fewer:
        assert score_application(changed(**{**asked, **less}), models, POLICIES).grade == assessed.grade, less


def amount_of(words: str) -> str:
    return f"{words.replace(',', '')}.00"


# The change of an application that each sentence names, by what the sentence begins with.
NAMED_CHANGES: list[tuple[str, Callable[[re.Match[str]], Mapping[str, Any]]]] = [
    (r"Over (\d+) months", lambda found: {"term_months": int(found[1])}),
    (r"With a yearly income of ([\d,]+) [A-Z]{3}", lambda found: {"income": amount_of(found[1])}),
    (r"With assets of ([\d,]+) [A-Z]{3}", lambda found: {"assets": amount_of(found[1])}),
    (r"With debts of ([\d,]+) [A-Z]{3}", lambda found: {"debts": amount_of(found[1])}),
    (r"With yearly costs of ([\d,]+) [A-Z]{3}", lambda found: {"yearly_costs": amount_of(found[1])}),
    (r"Having traded for (\d+) years", lambda found: {"years_trading": int(found[1])}),
    (r"With premises of its own", lambda _: {"premises": Premises.OWNED}),
    (r"With adverse records: (\d+)", lambda found: {"adverse_records": int(found[1])}),
    (r"Without debt that ranks before the loan", lambda _: {"prior_debt": "0", "charge_rank": 1}),
    (r"Repaid by a sale", lambda _: {"exit_strategy": ExitStrategy.SALE}),
    (r"With interest paid as it falls due", lambda _: {"interest_mode": LoanInterestMode.SERVICED}),
    (r"Without the works", lambda _: {"renovation_cost": "0", "gdv": None}),
    (
        r"With a verified surveyor's report of today at ([\d,]+) [A-Z]{3}",
        lambda found: {
            "valuation": amount_of(found[1]),
            "valued_on": SUBMITTED_AT.date(),
            "valuation_source": ValuationSource.SURVEY,
            "report_verified": True,
        },
    ),
]


def with_named_change(models: ModelSet, loan: LoanSubmitted, reason: PrincipalReason, change: str) -> LoanSubmitted:
    """The application with the change that the sentence names, made by the sentence's own words alone."""
    if found := re.match(r"At (\d+)% of the value that the risk assessment uses", change):
        used = score_application(loan, models, POLICIES).security.used
        return changed(loan, amount=f"{int(found[1]) / 100 * used - float(loan.prior_debt):.2f}")
    if change.startswith("With these facts given, at a typical borrower's"):
        policy = POLICIES.policies[-1]
        rate, scale = policy.units_per_euro(loan.currency), policy.borrower_scale
        usual: dict[str, Any] = {
            "income": f"{scale.income_euro_a_year * rate:.0f}.00",
            "assets": f"{scale.assets_euro * rate:.0f}.00",
            "debts": f"{scale.debts_euro * rate:.0f}.00",
            "adverse_records": 0,
        }
        asked = usual if reason.code == "facts_missing" else {reason.code: usual[reason.code]}
        return changed(loan, **{name: value for name, value in asked.items() if getattr(loan.borrower, name) is None})
    [fields] = [read(found) for pattern, read in NAMED_CHANGES if (found := re.match(pattern, change))]
    return changed(loan, **fields)


def odd_application(dice: random.Random) -> LoanSubmitted:
    def amount(low: int, high: int) -> str | None:
        return f"{dice.randint(low, high)}000.00" if dice.random() < 0.8 else None

    rank = dice.choice((1, 1, 1, 2))
    return changed(
        **{**DUBLIN, "currency": dice.choice(("EUR", "PLN"))},
        amount=f"{dice.randint(150, 500)}000.00",
        charge_rank=rank,
        prior_debt="0" if rank == 1 else f"{dice.randint(5, 90)}000.00",
        income=dice.choice((amount(5, 400), "0.00")),
        assets=dice.choice((amount(20, 2_000), "0.00")),
        debts=amount(0, 600),
        adverse_records=dice.choice((None, 0, 1, 3, 6)),
        yearly_costs=amount(5, 300),
        years_trading=dice.choice((None, 0, 4, 11)),
        premises=dice.choice((None, Premises.RENTED, Premises.OWNED)),
        renovation_cost=dice.choice(("0", "60000.00", "240000.00")),
        valued_on=SUBMITTED_AT.date() - timedelta(days=dice.choice((3, 150, 300))),
        valuation_source=dice.choice(tuple(ValuationSource)),
        report_verified=dice.random() < 0.5,
        purchase_price=f"{dice.randint(250, 460)}000.00",
        purchased_on=SUBMITTED_AT.date() - timedelta(days=dice.choice((100, 500, 640, 2_000))),
        exit_strategy=dice.choice(tuple(ExitStrategy)),
        interest_mode=dice.choice(tuple(LoanInterestMode)),
        term_months=dice.randint(3, 24),
    )


SOUND = {
    **{**DUBLIN, "amount": "190000.00", "income": "300000.00", "assets": "1500000.00", "debts": "0.00"},
    **{"years_trading": 15, "yearly_costs": "20000.00", "premises": Premises.OWNED},
}
# What is a principal reason only where little else speaks against the loan.
ONE_FAULT: list[dict[str, Any]] = [
    {"term_months": 36, "amount": "250000.00", "interest_mode": LoanInterestMode.ROLLED_UP},
    {"yearly_costs": "290000.00"},
    {"premises": Premises.RENTED},
    {"premises": None, "years_trading": None},
    {"assets": None},
    {"debts": None, "income": None},
    {"adverse_records": None},
]


def test_row_13_every_counterfactual_is_the_answer_to_the_application_that_its_words_describe(models: ModelSet) -> None:
    """Read from the message again, over the whole path: no flag and no default of the old application stays."""
    dice, seen = random.Random(1311), set()
    for loan in (*(changed(**{**SOUND, **fault}) for fault in ONE_FAULT), *(odd_application(dice) for _ in range(150))):
        assessed = assess(UUID(int=13), loan, models, POLICIES)
        for reason in assessed.principal_against:
            assert reason.change is not None
            if reason.change.en.startswith("No change"):
                continue
            then = score_application(with_named_change(models, loan, reason, reason.change.en), models, POLICIES)
            if enough := re.search(r": grade ([A-E]), (.*)\.$", reason.change.en):
                assert (then.grade, DECISIONS[then.recommendation].en) == (enough[1], enough[2]), reason.change.en
            else:
                percents = re.search(r"probability of default ([\d.]+)% instead of ([\d.]+)%\.$", reason.change.en)
                assert percents is not None
                assert (then.grade, then.recommendation) == (assessed.grade, assessed.recommendation)
                assert float(percents[1]) == pytest.approx(100 * then.probability_of_default, abs=0.051)
                assert float(percents[2]) == pytest.approx(100 * float(assessed.probability_of_default), abs=0.051)
            if reason.code == "valuation":
                assert then.security.used == pytest.approx(float(assessed.valuation.used), abs=2.0)
            seen.add((reason.code, enough is not None))
    assert {code for code, _ in seen} >= {
        *("leverage", "valuation", "term", "exit", "interest", "works", "prior_debt", "adverse_records"),
        *("income", "assets", "debts", "costs", "years_trading", "premises", "facts_missing"),
    }


def test_row_13_facts_that_are_stated_stay_as_they_are_where_the_missing_ones_are_given(models: ModelSet) -> None:
    """A borrower with six times the median's income does not fall to the median by stating the assets."""
    rich = {**SOUND, "income": "540000.00", "assets": None}
    assessed = answer(models, **rich)
    [missing] = [reason for reason in assessed.principal_against if reason.code == "facts_missing"]
    then = score_application(changed(**{**rich, "assets": "400000.00"}), models, POLICIES)
    fallen = score_application(changed(**{**rich, "income": "90000.00", "assets": "400000.00"}), models, POLICIES)
    assert missing.change is not None and then.probability_of_default < fallen.probability_of_default
    shown = re.search(r"grade ([A-E])|default ([\d.]+)%", missing.change.en)
    assert shown is not None
    assert shown[1] == then.grade or float(shown[2]) == pytest.approx(100 * then.probability_of_default, abs=0.051)


def test_row_13_an_exit_that_becomes_clear_needs_no_person_any_more(models: ModelSet) -> None:
    unclear = {**DUBLIN, "amount": "250000.00", "exit_strategy": ExitStrategy.OTHER, "adverse_records": 0}
    assessed = answer(models, **unclear)
    assert "exit_unknown" in assessed.flags and assessed.recommendation == "refer"
    [exit_reason] = [reason for reason in assessed.principal_against if reason.code == "exit"]
    then = score_application(changed(**{**unclear, "exit_strategy": ExitStrategy.SALE}), models, POLICIES)
    assert exit_reason.change is not None and then.recommendation == "approve"
    assert exit_reason.change.en == f"Repaid by a sale: grade {then.grade}, recommended."


@pytest.mark.parametrize("amount", ["365000.00", "380000.00", "430000.00", "900000.00"])
def test_row_13_a_limit_stands_behind_the_figure_that_it_measures(models: ModelSet, amount: str) -> None:
    assessed = answer(models, **{**WEAK, "amount": amount})
    first = assessed.principal_against[0]
    passed = "80.0" if float(assessed.ltv) > 0.8 else "75.0"
    assert first.code == "leverage" and first.text.en.endswith(
        f"The policy lends up to {passed}% of the value that the risk assessment uses."
    )
    ratio, _ = re.findall(r"([\d.]+)%", first.text.en)
    assert float(ratio) == pytest.approx(100.0 * float(assessed.ltv), abs=0.051)


def test_row_13_what_no_single_change_mends_says_how_far_it_goes(models: ModelSet) -> None:
    hopeless = {**WEAK, "amount": "330000.00", "adverse_records": 6, "income": "9000.00"}
    assessed = answer(models, **hopeless)
    [records] = [reason for reason in assessed.principal_against if reason.code == "adverse_records"]
    assert records.change is not None
    outcome = re.fullmatch(
        r"With adverse records: 0: this alone is not enough for a better grade or decision; "
        r"probability of default ([\d.]+)% instead of ([\d.]+)%\.",
        records.change.en,
    )
    assert outcome is not None
    without = score_application(changed(**{**hopeless, "adverse_records": 0}), models, POLICIES)
    assert float(outcome[1]) == pytest.approx(100 * without.probability_of_default, abs=0.051)
    assert float(outcome[2]) == pytest.approx(100 * float(assessed.probability_of_default), abs=0.051)


@pytest.mark.parametrize("amount", ["600000.00", "940000.00", "1200000.00"])
def test_row_13_no_report_makes_a_loan_above_the_value_good(models: ModelSet, amount: str) -> None:
    """Valued by its owner at 480,000: a surveyor who confirms the value does not lend twice of it."""
    owner = {**DUBLIN, "valuation": "480000.00", "valuation_source": ValuationSource.OWNER, "amount": amount}
    assessed = answer(models, **owner)
    assert assessed.recommendation == "decline"
    for reason in assessed.principal_against:
        assert reason.change is not None
        if reason.code != "leverage":
            assert "grade A" not in reason.change.en and ": recommended" not in reason.change.en


def test_row_13_every_reason_against_has_a_change_that_suffices_or_says_that_it_does_not(models: ModelSet) -> None:
    dice = random.Random(77)
    outcomes = set()
    for _ in range(80):
        assessed = answer(
            models,
            **DUBLIN,
            amount=f"{dice.randint(200, 900)}000.00",
            income=f"{dice.randint(5, 200)}000.00",
            adverse_records=dice.choice((0, 2, 4, 9)),
            valuation_source=dice.choice(tuple(ValuationSource)),
            report_verified=dice.random() < 0.5,
            term_months=dice.randint(3, 24),
        )
        for reason in assessed.principal_against:
            assert reason.change is not None and reason.change.pl
            outcomes.add(
                next(
                    (part for part in ("this alone is not enough", "grade", "No change") if part in reason.change.en),
                    None,
                )
            )
    assert {"grade", "this alone is not enough"} <= outcomes and None not in outcomes


def test_row_13_facts_that_were_not_given_are_named(models: ModelSet) -> None:
    assessed = answer(models, **{**SOUND, "assets": None, "debts": None})
    texts = {reason.code: reason.text for reason in assessed.principal_against}
    assert texts["assets"].en == "The assets cannot be compared with the loan."
    assert texts["debts"].en.startswith("The debts cannot be compared with the assets.")
    assert texts["facts_missing"].en == "Not given about the borrower: assets, debts."
    assert texts["facts_missing"].pl == "Nie podano o pożyczkobiorcy: majątek, zadłużenie."


def test_row_14_what_was_withheld_is_named_with_what_stating_it_would_change(models: ModelSet) -> None:
    sound = {**DUBLIN, "amount": "215000.00", "valuation_source": ValuationSource.SURVEY}
    assessed = answer(models, **sound)
    by_code = {reason.code: reason for reason in (*assessed.principal_against, *assessed.principal_for)}
    assert by_code["years_trading"].text.en == "How long the business has traded is not known."
    assert by_code["years_trading"].change is not None
    assert by_code["years_trading"].change.pl.startswith("Przy stażu działalności (lata): ")
    stated = answer(models, **sound, years_trading=17, yearly_costs="21000.00", premises=Premises.OWNED)
    favour = {reason.code: reason.text for reason in stated.principal_for}
    assert favour["years_trading"].en == "Years of trading: 17."
    assert float(stated.probability_of_default) < float(assessed.probability_of_default)


def test_row_13_investors_see_nothing_of_the_borrowers_own_affairs(models: ModelSet) -> None:
    assessed = answer(models, **WEAK, adverse_records=3)
    for reason in (*assessed.principal_against, *assessed.principal_for):
        private = reason.code in BORROWERS_OWN
        assert ("investor" in reason.audience) != private


def test_row_13_a_market_model_is_asked_once_whatever_is_tried(models: ModelSet) -> None:
    """What would change a reason is recomputed without valuing the same house again."""
    asked = []

    class Counting:
        name, version = models.markets[0].name, "1"

        def value(self, application: Any, policy: Any) -> Any:
            asked.append(application.amount)
            return next((value for market in models.markets if (value := market.value(application, policy))), None)

    counted = ModelSet(models.version, models.borrower, (Counting(),))
    assessed = assess(UUID(int=13), changed(amount="520000.00"), counted, POLICIES)
    assert assessed.principal_against and len(asked) == 1


def test_the_loan_against_the_value_is_one_figure_with_one_owner(models: ModelSet) -> None:
    assessed = answer(models, **WEAK)
    assert {"ltv", "exit_leverage"} <= {reason.code for reason in assessed.reasons}
    figure = f"{100 * float(assessed.ltv):.1f}"
    for texts in ([reason.text.en for reason in assessed.reasons], [reason.text.pl for reason in assessed.reasons]):
        [shown] = [text for text in texts if figure in text.replace(",", ".")]
        assert "the value that the risk assessment uses" in shown or "wartości przyjętej w ocenie ryzyka" in shown


@pytest.mark.parametrize(
    ("amount", "prior_debt", "term_months"),
    [("120000.00", "610000.00", 18), ("60000.00", "560000.00", 9), ("45000.00", "700000.00", 12)],
)
def test_row_13_a_small_loan_behind_a_large_debt_has_no_leverage_that_speaks_for_it(
    models: ModelSet, amount: str, prior_debt: str, term_months: int
) -> None:
    """The amount alone is below the reference loan's; with what ranks before it the whole is above."""
    loan = changed(
        **DUBLIN,
        valuation="1000000.00",
        purchase_price="900000.00",
        amount=amount,
        prior_debt=prior_debt,
        charge_rank=2,
        term_months=term_months,
        income="200000.00",
    )
    assessed = assess(UUID(int=13), loan, models, POLICIES)
    assert float(assessed.ltv) > POLICIES.policies[-1].reference_loan.ltv
    assert any(reason.code == "exit_leverage" and float(reason.contribution) < 0.0 for reason in assessed.reasons)
    assert "leverage" not in {reason.code for reason in assessed.principal_for}
    assert "for:exit_leverage" not in facts_of(loan, assessed).by_id()


def test_row_13_what_speaks_for_a_loan_is_no_worse_than_the_policys_reference_has_it(models: ModelSet) -> None:
    dice = random.Random(1414)
    reference, seen = POLICIES.policies[-1].reference_loan, set()
    for _ in range(60):
        prior = dice.choice((0, 0, 90, 200))
        assessed_loan = changed(
            **DUBLIN,
            amount=f"{dice.randint(40, 430)}000.00",
            prior_debt=f"{prior}000.00" if prior else "0",
            charge_rank=2 if prior else 1,
            term_months=dice.randint(3, 36),
        )
        assessed = assess(UUID(int=14), assessed_loan, models, POLICIES)
        favour = {reason.code for reason in assessed.principal_for}
        assert "leverage" not in favour or float(assessed.ltv) <= reference.ltv
        assert "term" not in favour or assessed_loan.term_months <= reference.term_months
        seen |= favour
    assert {"leverage", "term"} <= seen, "both are still said where they are true"


@pytest.mark.parametrize(
    ("changes", "flag", "words"),
    [
        ({"valuation": "900000.00"}, "valuation_above_model", ("more than 35.0% above", "o ponad 35,0%")),
        ({"valuation_source": ValuationSource.OWNER}, "owner_value_unchecked", ("the owner's own", "podał właściciel")),
        ({"area_m2": 2_500.0}, "assumed_log_area", ("stated floor area", "podanej powierzchni")),
        ({"year_built": 1492}, "assumed_age", ("stated age", "podanym wieku")),
        ({"lat": 10.0}, "position_absurd", ("do not lie in", "poza krajem")),
    ],
)
def test_row_12_what_alone_sends_an_application_to_a_person_is_a_reason(
    models: ModelSet, changes: dict[str, Any], flag: str, words: tuple[str, str]
) -> None:
    small = {"amount": "90000.00"}
    plain, referred = answer(models, **small), answer(models, **small, **changes)
    assert plain.recommendation == "approve" and referred.recommendation == "refer" and flag in referred.flags
    texts = [reason.text for reason in referred.principal_against if "investor" in reason.audience]
    assert any(words[0] in text.en and words[1] in text.pl for text in texts), texts
    assert not any(words[0] in reason.text.en for reason in plain.principal_against)

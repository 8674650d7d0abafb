"""What the documents state in figures is what the code does.

STATED holds each sentence that states a constant, with a place ``{}`` for it, beside the constant itself. Every figure
with a unit that a document states outside of a table must be in one of these sentences, or be named in EXAMPLES with
the reason why no code has it: a new one fails here until somebody states where it comes from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from halfpenny.entrypoints.settings import QueueSettings
from halfpenny.funding.desk import desk
from halfpenny.funding.model import REFLECTION_DAYS, milestones_crossed
from halfpenny.identity import IdentitySettings
from halfpenny.identity.model import PASSWORD_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS
from halfpenny.identity.service.signing_in import REPEATABLE_WITHIN, SUPERSEDED_WITHIN
from halfpenny.identity.tokens import RECHECK_S, RECHECK_UNNOTIFIED_S
from halfpenny.platform import plans
from halfpenny.platform.chain import SEALED_WITHIN
from halfpenny.platform.queue import pruning
from halfpenny.platform.queue.rabbit_source import retry_after_s
from halfpenny.realtime import connection_tokens, hub
from halfpenny.realtime.frames import MAX_FRAME_CHARACTERS
from halfpenny.realtime.socket import MAX_TOPICS
from halfpenny.servicing.model.delinquency import REGULATORY_DEFAULT_DAYS
from halfpenny.servicing.model.waterfall import HALFPENNY_1
from halfpenny.servicing.service.arrears import RECOVERY_UPDATE_INTERVAL_DAYS
from halfpenny.servicing.service.distributing import CHUNK
from halfpenny.underwriting.documents.model import ACCOUNTS_YEARS
from halfpenny.underwriting.pdf import MAX_DOCUMENT_BYTES
from halfpenny.underwriting.reviews.model import ANSWER_WITHIN_DAYS, REQUEST_WITHIN_DAYS
from halfpenny_messages import DELIVERY_LIMIT, PRICE_DISREGARDED_DAYS
from halfpenny_monitoring.impairment import ROLL_RATES, SIGNIFICANT_DAYS
from halfpenny_monitoring.outcomes import DAYS_AFTER_MATURITY
from halfpenny_risk.assess import EXTRA_MONTHS, PRICE_CHANGES_PERCENT
from halfpenny_risk.narrative.writer import CIRCUIT_OPEN_S
from halfpenny_risk.service.http import MAX_BATCH
from halfpenny_risk.service.promoting import ASK_AGAIN_S
from halfpenny_risk.valuation import CONFIDENCE

ROOT = Path(__file__).parents[2]
# Records of one moment, and pages that a program writes, are kept as written.
APART = ("docs/adr/", "docs/models/", "docs/errors.md", "docs/permissions.md")
DOCUMENTS = [
    path
    for path in sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"])
    if not str(path.relative_to(ROOT)).startswith(APART)
]
WORDS = dict(
    enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
)
_MINUTE, _DAY = 60, 86_400
_MILESTONES = milestones_crossed(100, 0, 100)
_PLAN_ROWS = plans._FIRST_ROWS


STATED: list[tuple[str, str, tuple[object, ...]]] = [
    (
        "docs/algorithms/check-books.md",
        "went on being sealed for {} minutes without them",
        (SEALED_WITHIN.total_seconds() // _MINUTE,),
    ),
    ("docs/algorithms/valuation.md", "covered {} % of a year", (100 * CONFIDENCE,)),
    (
        "docs/algorithms/daily-close.md",
        "loans more than {} days past due are in default",
        (REGULATORY_DEFAULT_DAYS,),
    ),
    ("docs/algorithms/delinquency.md", "default is more than {} days past due", (REGULATORY_DEFAULT_DAYS,)),
    ("docs/glossary.md", "a loan whose borrower is more than {} days past due", (REGULATORY_DEFAULT_DAYS,)),
    ("docs/glossary.md", "{}, {}, {} or {} % funded", tuple(_MILESTONES)),
    (
        "docs/glossary.md",
        "the order in which a receipt pays what a loan owes: {}s, {}s, {}, {}, {}, {}s in halfpenny/1 before default",
        tuple(HALFPENNY_1.before_default),
    ),
    (
        "docs/glossary.md",
        "in halfpenny/1 once a loan is in default: {}s, {}, {}, {}, {}s, {}s |",
        tuple(HALFPENNY_1.after_default),
    ),
    ("docs/glossary.md", "{} calendar days in which a non-sophisticated investor", (REFLECTION_DAYS,)),
    ("docs/glossary.md", "an update at least every {} days", (RECOVERY_UPDATE_INTERVAL_DAYS,)),
    ("docs/algorithms/distribution.md", "in chunks of {}:", (CHUNK,)),
    (
        "docs/algorithms/funding-desk.md",
        "it drops its plans when {}, {}, {}, ... tickets have passed and every {} seconds",
        (_PLAN_ROWS, 2 * _PLAN_ROWS, 4 * _PLAN_ROWS, plans._MOST_S),
    ),
    (
        "docs/algorithms/ledger.md",
        "the investors' {} % go to `distribution_payable`",
        (100 - HALFPENNY_1.default_interest_share.percent,),
    ),
    (
        "docs/algorithms/ledger.md",
        "the platform's {} % to `default_income`",
        (HALFPENNY_1.default_interest_share.percent,),
    ),
    ("docs/algorithms/funding-desk.md", "asks again {} ms later", (round(desk._BACK_OFF_S * 1_000),)),
    ("docs/algorithms/funding-desk.md", "the milestones {}, {}, {} and {} %", tuple(_MILESTONES)),
    ("docs/algorithms/queue.md", "again after {}, {}, {}, {} seconds", tuple(retry_after_s(n) for n in (1, 2, 3, 4))),
    (
        "docs/algorithms/queue.md",
        "`HALFPENNY_QUEUE_DELIVERY_LIMIT` attempts ({})",
        (QueueSettings.model_fields["delivery_limit"].default,),
    ),
    ("docs/algorithms/queue.md", "`x-delivery-limit` ({})", (DELIVERY_LIMIT,)),
    ("docs/algorithms/queue.md", "after {} days, a batch a transaction", (pruning.KEEP.days,)),
    ("docs/algorithms/realtime.md", "within {} seconds, at any process", (connection_tokens.LIFETIME.seconds,)),
    ("docs/algorithms/realtime.md", "1009 for frames above {} characters", (MAX_FRAME_CHARACTERS,)),
    ("docs/algorithms/realtime.md", "{} topics a socket", (MAX_TOPICS,)),
    ("docs/algorithms/realtime.md", "at most {} times a second", (1 / hub.TICK_S,)),
    ("docs/algorithms/realtime.md", "reads everything every {} seconds", (hub.POLL_S,)),
    ("docs/sign-in.md", "an access token ({} minutes)", (IdentitySettings().access_token_lifetime_s // _MINUTE,)),
    ("docs/sign-in.md", "A second use within {} seconds", (SUPERSEDED_WITHIN.seconds,)),
    ("docs/sign-in.md", "within {} seconds gets the same answer again", (REPEATABLE_WITHIN.seconds,)),
    (
        "docs/sign-in.md",
        "a session ends {} minutes after its last request",
        (IdentitySettings().page_idle_s // _MINUTE,),
    ),
    (
        "docs/sign-in.md",
        "and {} hours after its sign-in",
        (IdentitySettings().page_session_lifetime_s // (60 * _MINUTE),),
    ),
    (
        "docs/sign-in.md",
        "have {} to {} characters of any kind",
        (PASSWORD_MIN_CHARACTERS, PASSWORD_MAX_CHARACTERS),
    ),
    (
        "docs/sign-in.md",
        "asks about each token again after {} seconds; one that does, after {}",
        (RECHECK_UNNOTIFIED_S, RECHECK_S),
    ),
    (
        "docs/algorithms/exit-risk.md",
        "Prices {}, {}, {}, {} %, the exit {}, {}, {}, {} months later",
        (*PRICE_CHANGES_PERCENT, *EXTRA_MONTHS),
    ),
    ("docs/algorithms/exit-risk.md", "to nothing {} days after it", (PRICE_DISREGARDED_DAYS,)),
    ("docs/guides/risk-monitoring.md", "{} days after it was due by its first terms", (DAYS_AFTER_MATURITY,)),
    ("docs/guides/risk-monitoring.md", "more than {} days past due, past its maturity", (SIGNIFICANT_DAYS,)),
    ("docs/guides/risk-monitoring.md", "more than {} days that are no default", (REGULATORY_DEFAULT_DAYS,)),
    (
        "docs/guides/risk-monitoring.md",
        "{} % from {} day, {} % from {} and {} % from {}.",
        tuple(figure for least, rate in ROLL_RATES for figure in (round(rate * 100), least)),
    ),
    ("docs/guides/decisions-and-reviews.md", "free of charge, within {} days", (REQUEST_WITHIN_DAYS,)),
    ("docs/guides/decisions-and-reviews.md", "answered within {} days", (ANSWER_WITHIN_DAYS,)),
    ("docs/guides/decisions-and-reviews.md", "the accounts of {} financial years", (ACCOUNTS_YEARS,)),
    ("docs/guides/valuation-reports.md", "at most {} bytes", (f"{MAX_DOCUMENT_BYTES:,}",)),
    ("docs/guides/risk-service.md", "a circuit breaker for {} s", (CIRCUIT_OPEN_S,)),
    ("docs/guides/model-promotion.md", "when it starts, every {} s, and after", (round(ASK_AGAIN_S),)),
    ("docs/guides/risk-service.md", "figures only, up to {})", (MAX_BATCH,)),
]

# Figures that no code has, and why.
EXAMPLES: list[tuple[str, str, str]] = [
    ("docs/guides/risk-monitoring.md", "probability of twelve months", "IFRS 9, 5.5.5"),
    (
        "docs/guides/risk-monitoring.md",
        "probability 5 %, loss given default 20 %",
        "an example, executed from its table",
    ),
    ("docs/guides/risk-monitoring.md", "due in 200 days at 9.5 % a year", "an example, executed from its table"),
    ("docs/guides/risk-monitoring.md", "due in 200 days and 43 days past due", "an example, executed from its table"),
    ("docs/guides/risk-monitoring.md", "due in two years", "an example, executed from its table"),
    ("docs/guides/risk-monitoring.md", "95 % interval", "the customary coverage, named beside each figure"),
    ("README.md", "about 150 MB", "measured, and true of one day's packages"),
    ("SECURITY.md", "within five days", "a promise of people"),
    ("docs/algorithms/day-counts.md", "one day's interest", "an example"),
    ("docs/algorithms/day-counts.md", "14 of 29 days", "an example, executed from its table"),
    ("docs/algorithms/delinquency.md", "25 % a year", "an example, executed from its table"),
    ("docs/algorithms/delinquency.md", "windows of twelve months", "Regulation (EU) 2022/2115"),
    ("docs/algorithms/delinquency.md", "advanced twelve months ago there is none", "Regulation (EU) 2022/2115"),
    ("docs/algorithms/delinquency.md", "three of them, the 36 months of the regulation", "Regulation (EU) 2022/2115"),
    ("docs/algorithms/delinquency.md", "over the next twelve months (article 4)", "Regulation (EU) 2022/2115"),
    ("docs/algorithms/delinquency.md", "PLN at 16 % and a margin", "an example, executed from its table"),
    ("docs/algorithms/delinquency.md", "the maximum is 22.5 %, and 21.5 % from", "an example, executed from its table"),
    ("docs/algorithms/delinquency.md", "it takes two people", "four eyes are two people's"),
    ("docs/algorithms/delinquency.md", "two people then", "four eyes are two people's"),
    ("docs/algorithms/distribution.md", "a hundred thousand investors than for one", "a comparison"),
    ("docs/algorithms/distribution.md", "19 % of 34.17 is 6.49", "an example"),
    ("docs/algorithms/funding-desk.md", "a ticket after 30,000 tickets", "the size of a test"),
    ("docs/algorithms/funding-desk.md", "four investors with 600.00 each. Eight tickets", "the worked example"),
    ("docs/algorithms/funding-desk.md", "killed 200 times", "what make chaos does"),
    ("docs/algorithms/funding-desk.md", "the API 200 times, 1,000 replies", "what make chaos does"),
    ("docs/algorithms/funding-desk.md", "hung 30 times", "what make chaos does"),
    ("docs/algorithms/ledger.md", "10,000.00 at 12 % for two months", "the worked example, posted row by row"),
    ("docs/algorithms/ledger.md", "an arrangement fee of 2 %, two investors. After one month", "the worked example"),
    ("docs/algorithms/ledger.md", "90,000.00 at 12 % retained for six months", "a worked example"),
    ("docs/algorithms/ledger.md", "are two rows in two tables", "a count in a sentence"),
    ("docs/algorithms/projection.md", "three tickets are taken", "the worked example"),
    ("docs/algorithms/schedules.md", "10,000.00 at 12 % a year", "a worked table"),
    ("docs/algorithms/schedules.md", "leaves three cents", "a worked table"),
    ("docs/algorithms/schedules.md", "100,000.00 at 1 % a month for twelve months", "a worked table"),
    ("docs/algorithms/schedules.md", "the 365 or 366 days of the year", "the days of a year"),
    ("docs/algorithms/schedules.md", "12 % serviced monthly is 12.6825 % a year", "an example"),
    ("docs/algorithms/schedules.md", "300.00 at 12 % a year", "a worked table"),
    ("docs/algorithms/valuation.md", "the larger of two years'", "the two years that are held out"),
    ("docs/algorithms/waterfall.md", "Events of one day", "no figure"),
    ("docs/algorithms/exit-risk.md", "2010-2016: 5.2 %", "a figure of the training data"),
    ("docs/algorithms/exit-risk.md", "even those lost 30 %", "a published figure"),
    ("docs/algorithms/exit-risk.md", "written off 0.01 % of volume", "a published figure"),
    ("docs/algorithms/exit-risk.md", "14.6 % of volume", "a published figure"),
    ("docs/algorithms/exit-risk.md", "takes two years", "an example"),
    ("docs/algorithms/pricing.md", "up to 50 %", "the bound of the first band"),
    ("docs/algorithms/pricing.md", "for each 5 points more 0.6 points a year", "the step between bands"),
    ("docs/algorithms/pricing.md", "above 75 %", "the bound of the last band"),
    ("docs/algorithms/pricing.md", "0.81 to 0.86 % a month at 54 to 55 %", "a published figure"),
    ("docs/algorithms/pricing.md", "which is 5.4 to 6.1 points a year", "the published figure over Bank Rate"),
    ("docs/glossary.md", "takes two people", "four eyes are two people's"),
    ("docs/guides/approvals.md", "two people", "four eyes are two people's"),
    ("docs/guides/approvals.md", "one person", "four eyes are two people's"),
    ("docs/guides/risk-service.md", "60 % of the value", "what an ordinary application asks for"),
    ("docs/guides/risk-service.md", "the last three months", "how old an ordinary report may be"),
    ("docs/guides/risk-service.md", "tried five times", "a consumer's own subscription, tested with it"),
    ("docs/guides/risk-training.md", "about ten minutes", "measured"),
    ("docs/guides/risk-training.md", "95 % bootstrap", "the name of the interval"),
    ("docs/settings.md", "take two people", "four eyes are two people's"),
    ("docs/settings.md", "raise in twelve months", "Regulation (EU) 2020/1503, article 1(2)(c)"),
]

_NUMBER = r"\d[\d,]*(?:\.\d+)?|" + "|".join([*WORDS.values(), "fifty", "sixty", "ninety", "hundred", "thousand"])
_UNIT = (
    r"days?|hours?|minutes?|seconds?|months?|years?|ms|s|%|percent|times|rows|tickets|people|person|investors|"
    r"frames|bytes|MB|kB|attempts|characters|cents?|events|replies|topics|sockets|shares|transfers"
)
ITALIC = re.compile(r"(?<!\*)\*([^*`|]*\d[^*`|]*)\*(?!\*)")
FIGURE = re.compile(rf"(?<![\w./*-])(?i:{_NUMBER})(?=[ -](?:{_UNIT})(?![\w^(-]))")


def text_of(document: str) -> str:
    return " ".join((ROOT / document).read_text().split())


def spans(text: str, sentence: str) -> Iterator[re.Match[str]]:
    parts = [re.escape(part) for part in sentence.split("{}")]
    yield from re.finditer(r"([\w.,-]+(?: (?:interest|cost))?)".join(parts), text)


def same(written: str, value: object) -> bool:
    """Whether a figure or a word in a text is the value."""
    if isinstance(value, str):
        return written.replace(" ", "_").replace("penaltie", "penalty") == value
    number = {word: n for n, word in WORDS.items()}.get(written.lower())
    return (Fraction(written.replace(",", "")) if number is None else number) == Fraction(str(value))


@pytest.mark.parametrize(("document", "sentence", "values"), STATED, ids=[f"{d} {s}" for d, s, _ in STATED])
def test_a_stated_constant_is_the_codes(document: str, sentence: str, values: tuple[object, ...]) -> None:
    [found] = spans(text_of(document), sentence)
    assert len(found.groups()) == len(values)
    for written, value in zip(found.groups(), values, strict=True):
        assert same(written, value), f"{document} says {written}, the code {value}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_stated_figure_is_accounted_for(path: Path) -> None:
    document = str(path.relative_to(ROOT))
    lines = [line for line in path.read_text().splitlines() if not (line.startswith("|") and "algorithms" in document)]
    text = " ".join(" ".join(re.sub(r"^#+ ", "", line) for line in lines).split())
    known = [
        *(match.span() for name, sentence, _ in STATED if name == document for match in spans(text, sentence)),
        *(match.span() for name, part, _ in EXAMPLES if name == document for match in spans(text, part)),
        # In italics: constants of the policy, compared below.
        *(match.span() for match in ITALIC.finditer(text)),
    ]
    left = [
        text[max(0, found.start() - 40) : found.end() + 30]
        for found in FIGURE.finditer(text)
        if not any(start <= found.start() < end for start, end in known)
    ]
    assert left == [], "a constant of the code belongs into STATED, anything else into EXAMPLES"


def test_no_example_is_left_over() -> None:
    lost = [(document, part) for document, part, _ in EXAMPLES if part not in text_of(document).replace("# ", "")]
    assert lost == []


# The policy's constants stand in italics; these are their places in policy.json, in the order of the pages.
POLICY: dict[str, str] = {
    "exit-risk.md": """
        valuation.price_counts_months
        valuation.sources.owner.haircut_outside_market valuation.sources.desktop.haircut_outside_market
        valuation.refer_above_model
        valuation.sources.owner.sd valuation.sources.desktop.sd valuation.sources.survey.sd valuation.fresh_months
        valuation.refer_after_months exit.index_volatility exit.works_overrun exit.works_full_share
        exit.works_delay_months exit.completion_sd exit.interest_margin exit.default_margin
        exit.prior_debt_margin exit.sale_cost exit.refinance_ltv exit.least_sd exit.downturn_share
        exit.enforcement_months exit.rank_months exit.forced_sale_discount exit.sale_cost exit.enforcement_cost
        exit.lgd_floor central_tendency reference_loan.ltv reference_loan.term_months reference_borrower_pd
        borrower_weight exit_weight overlays.ltgdv.from overlays.ltgdv.to overlays.ltgdv.points
        overlays.works_to_value.from overlays.works_to_value.to overlays.works_to_value.points
        overlays.outside_market overlays.unknown_exit overlays.valuation_age_months.from
        overlays.valuation_age_months.to overlays.valuation_age_months.points overlays.missing_fact
        grades.A grades.B grades.C grades.D
    """,
    "pricing.md": """
        price.cost_of_funds_margin price.operating_cost_percent price.capital_fraction price.hurdle_margin
        price.step_percent price.bands.0.floor_margin price.bands.0.cap_margin price.bands.6.floor_margin
        price.bands.6.cap_margin limits.ltv.decline limits.ltgdv.decline limits.pd.decline
        valuation.refer_above_model
    """,
}


@pytest.mark.parametrize("page", POLICY)
def test_the_policys_constants_in_italics_are_the_policys(page: str) -> None:
    [policy] = json.loads((ROOT / "src" / "halfpenny_risk" / "policy.json").read_text())
    text = text_of(f"docs/algorithms/{page}")
    written = [
        (number, "%" in italic) for italic in ITALIC.findall(text) for number in re.findall(r"\d+(?:\.\d+)?", italic)
    ]
    places = POLICY[page].split()
    assert len(written) == len(places), list(zip(written, places, strict=False))
    for (number, percent), place in zip(written, places, strict=True):
        value: Any = policy
        for step in place.split("."):
            value = value[int(step)] if step.isdigit() else value[step]
        wanted = Fraction(str(value)) * (100 if percent and "percent" not in place else 1)
        assert Fraction(number) == wanted, f"{page} says {number}, {place} is {value}"


def test_postgresql_waits_as_long_between_attempts_as_the_broker() -> None:
    text = (ROOT / "migrations" / "versions" / "0001_queue.sql").read_text()
    [(first, factor, most)] = re.findall(r"wait_s := least\(([\d.]+) \* ([\d.]+) \^ .*, (\d+)\);", text)
    waits = [min(float(first) * float(factor) ** (attempt - 1), float(most)) for attempt in range(1, 9)]
    assert waits == [retry_after_s(attempt) for attempt in range(1, 9)]


def test_the_finder_sees_figures_and_words() -> None:
    assert FIGURE.findall("after 30 seconds, Fifty topics, ten people, 2.5 % and 4,096 characters") == [
        "30",
        "Fifty",
        "ten",
        "2.5",
        "4,096",
    ]
    assert FIGURE.findall("version 7, loan-2 days, 3.4.5 days, someone days") == []

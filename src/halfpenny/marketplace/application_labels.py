"""The words of the application's pages: steps, fields, hints and faults. The marked texts are translated when shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from halfpenny import loans
from halfpenny.marketplace import labels
from halfpenny.platform.http.pages import translatable as _
from halfpenny.platform.http.pages import translatable_in as pgettext
from halfpenny.primitives.money import Currency

STEP: Final[Mapping[int, str]] = {
    1: pgettext("step", "Property"),
    2: pgettext("step", "Company"),
    3: pgettext("step", "Loan"),
    4: pgettext("step", "Check"),
}
# The fields of each step in groups under a heading, in the order of the page.
GROUPS: Final[Mapping[int, tuple[tuple[str, tuple[str, ...]], ...]]] = {
    1: (
        (_("The property"), ("kind", "area_m2", "beds", "year_built", "condition", "description")),
        (_("Where it is"), ("address", "city", "country", "lat", "lon")),
        (_("What it is worth"), ("currency", "valuation", "valued_on", "valuation_source", "valuer")),
        (_("Purchase and works"), ("purchased_on", "purchase_price", "renovation_cost", "gdv")),
    ),
    2: (
        (_("The company"), ("company", "years_trading", "premises", "adverse_records")),
        (_("Its figures"), ("income", "yearly_costs", "assets", "debts")),
    ),
    3: (
        (_("The loan"), ("amount", "term_months", "interest_mode")),
        (_("What it is for, and how it is repaid"), ("purpose", "purpose_note", "exit_strategy", "exit_note")),
        (_("Charges on the property"), ("charge_rank", "prior_debt")),
    ),
}
FIELD: Final[Mapping[str, str]] = {
    "currency": _("Currency of the loan and of every amount"),
    "kind": _("Kind of property"),
    "area_m2": _("Area in square metres"),
    "beds": _("Bedrooms"),
    "year_built": _("Year of construction"),
    "condition": _("Condition"),
    "description": _("Description for investors"),
    "address": _("Street and number"),
    "city": _("City"),
    "country": _("Country code"),
    "lat": _("Latitude in degrees"),
    "lon": _("Longitude in degrees"),
    "valuation": _("Value today"),
    "valued_on": _("Valued on"),
    "valuation_source": _("Who valued it"),
    "valuer": _("Name of the surveyor"),
    "purchased_on": _("Bought on"),
    "purchase_price": _("Purchase price"),
    "renovation_cost": _("Cost of the planned works"),
    "gdv": _("Value after the works"),
    "company": _("Name of the company"),
    "years_trading": _("Years in business"),
    "premises": _("Premises of the company"),
    "adverse_records": _("Court judgments, insolvencies and defaults on record"),
    "income": _("Income a year"),
    "yearly_costs": _("Costs a year"),
    "assets": _("Assets"),
    "debts": _("Debts"),
    "amount": _("Amount of the loan"),
    "term_months": _("Term in months"),
    "interest_mode": _("Interest"),
    "purpose": _("Purpose"),
    "purpose_note": _("More about the purpose"),
    "exit_strategy": _("Exit strategy"),
    "exit_note": _("More about the exit strategy"),
    "charge_rank": _("Rank of our charge"),
    "prior_debt": _("Debt that ranks before ours"),
}
HINT: Final[Mapping[str, str]] = {
    "description": _("Everybody who sees the loan reads this. Write no names and no address."),
    "country": _("Two letters, such as PL or IE."),
    "lat": _("In a map, press long or right-click on the property; the first number."),
    "lon": _("The second number."),
    "valuation": _("Before any works."),
    "valuation_source": _("A surveyor's report counts as one once we have checked it; until then it is a statement."),
    "valuer": _("Only for a desktop valuation or a surveyor's report."),
    "purchased_on": _("Leave it empty if you are buying it with this loan."),
    "purchase_price": _("May be left out where the property was bought more than two years ago."),
    "renovation_cost": _("0 if there are none."),
    "adverse_records": _("How many; 0 if there are none."),
    "income": _("All income of the company in its last full year."),
    "yearly_costs": _("Left out, we assume the worst."),
    "charge_rank": _("1 where nothing is registered before ours."),
    "prior_debt": _("What is still owed under earlier charges; 0 if there are none."),
    "exit_strategy": _("How the loan is repaid at its end."),
}
_BEDS_AND_LIKE: Final = ("beds", "year_built", "condition")
OPTIONAL: Final = frozenset(
    {
        *_BEDS_AND_LIKE,
        *("description", "valuer", "purchased_on", "purchase_price", "gdv"),
        *("years_trading", "premises", "yearly_costs", "purpose_note", "exit_note"),
    }
)
DWELLING: Final = frozenset(_BEDS_AND_LIKE)
PROSE: Final = frozenset({"description", "purpose_note", "exit_note"})
DATES: Final = frozenset({"valued_on", "purchased_on"})
WHOLE: Final = frozenset({"beds", "year_built", "years_trading", "adverse_records", "term_months", "charge_rank"})
DECIMALS: Final = frozenset({"area_m2", *loans.application_forms.AMOUNTS})
PREMISES: Final[Mapping[str, str]] = {"owned": _("owned"), "rented": _("rented")}
CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "currency": {each.value: each.value for each in Currency},
    "kind": labels.KIND,
    "condition": labels.CONDITION,
    "valuation_source": labels.VALUATION_SOURCE,
    "premises": PREMISES,
    "interest_mode": labels.INTEREST,
    "purpose": labels.PURPOSE,
    "exit_strategy": labels.EXIT,
}
# Why a field cannot stand, by the fault's code; %(...)s are the figures that it names.
FAULT: Final[Mapping[str, str]] = {
    "missing": _("Fill this in."),
    "unlisted_code": _("Choose one of the list."),
    "malformed_text": _("Only letters, figures and punctuation."),
    "malformed_amount": _("Write an amount with at most two decimals, such as 250 000,00 or 250,000.00."),
    "malformed_whole_number": _("Write a whole number."),
    "malformed_number": _("Write a number, such as 52.2297 or 52,2297."),
    "malformed_date": _("Write a day that exists, such as 2026-02-28 or 28.02.2026."),
    "number_too_small": _("Not below %(bound)s."),
    "number_not_above": _("Above %(bound)s."),
    "number_too_large": _("Not above %(bound)s."),
    "text_too_long": _("At most %(bound)s characters."),
    "amount_too_small": _("This is below the smallest investment, so it cannot be raised."),
    "term_out_of_range": _("From %(minimum_months)s to %(maximum_months)s months."),
    "charge_rank_out_of_range": _("A rank from 1 to 9."),
    "prior_debt_missing": _("A charge of rank %(charge_rank)s has debt before it: write how much."),
    "prior_debt_before_first_charge": _("Nothing ranks before a first charge: write 0 here, or a higher rank above."),
    "years_trading_out_of_range": _("At most %(maximum)s years."),
    "country_unknown": _("Write the two capital letters of a country, such as PL."),
    "coordinates_out_of_range": _("Latitude runs from -90 to 90, longitude from -180 to 180."),
    "coordinates_outside_country": _("This place is not in the country above: check both numbers, and their order."),
    "area_out_of_range": _("From %(minimum_m2)s to %(maximum_m2)s square metres."),
    "year_built_out_of_range": _("No building of ours can be from that year."),
    "beds_exceed_area": _("So many bedrooms take at least %(least_area_m2)s square metres."),
    "dwelling_facts_missing": _("A dwelling needs this."),
    "valuation_not_positive": _("The value must be above zero."),
    "valued_in_future": _("A valuation cannot be dated in the future."),
    "surveyor_missing": _("A surveyor's report names its surveyor."),
    "gdv_below_valuation": _("After the works it is not worth less than today."),
    "purchased_in_future": _("Leave the day empty where the property is still to be bought."),
    "purchase_price_not_positive": _("The price must be above zero."),
    "purchase_price_missing": _(
        "Write the price: it may be left out only where the property was bought over two years ago."
    ),
    "amount_implausible": _("More than any business here has: check the number."),
}
CONDITION_PROOF: Final[Mapping[str, tuple[str, str]]] = {
    "charge": (_("Registered charge"), _("The charge is entered in the land register at the agreed rank.")),
    "valuation": (_("Valuation"), _("A valuer's report on the property, with its date.")),
    "insurance": (_("Insurance"), _("A policy on the property for at least the amount of the loan.")),
}
# The way of a loan, and how far each status has come.
STAGES: Final = (
    pgettext("stage", "Application"),
    pgettext("stage", "Assessment"),
    pgettext("stage", "Offer"),
    pgettext("stage", "Funding"),
    pgettext("stage", "Conditions"),
    pgettext("stage", "Repayment"),
)
STAGE_OF: Final[Mapping[str, int]] = {
    "draft": 0,
    "submitted": 1,
    "assessed": 1,
    "approved": 2,
    "offered": 2,
    "accepted": 3,
    "funding": 3,
    "funded": 4,
    "conditions_met": 4,
    "active": 5,
    "matured": 5,
    "defaulted": 5,
    "in_recovery": 5,
    "repaid": 6,
}

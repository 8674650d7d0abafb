"""Errors of loans, by name. Each code is stable once published."""

from __future__ import annotations

from halfpenny.primitives.errors import Forbidden, Malformed, NotFound, Refused


class LoanNotFound(NotFound):
    code = "loan_not_found"
    message = "There is no such loan."


class AmountTooSmall(Malformed):
    code = "amount_too_small"
    message = "The loan's amount is below the minimum investment."


class TermOutOfRange(Malformed):
    code = "term_out_of_range"
    message = "The term in months is outside the platform's limits."


class ChargeRankOutOfRange(Malformed):
    code = "charge_rank_out_of_range"
    message = "The charge's rank must be a whole number, 1 or above."


class PriorDebtMissing(Malformed):
    code = "prior_debt_missing"
    message = "A charge behind the first needs the debt that ranks before it."


class PriorDebtBeforeFirstCharge(Malformed):
    code = "prior_debt_before_first_charge"
    message = "Nothing ranks before a first charge: state the charge's rank, or no prior debt."


class ValuationNotPositive(Malformed):
    code = "valuation_not_positive"
    message = "The valuation must be above zero."


class SurveyorMissing(Malformed):
    code = "surveyor_missing"
    message = "A surveyor's report names its surveyor."


class GdvBelowValuation(Malformed):
    code = "gdv_below_valuation"
    message = "The gross development value must not be below the present value."


class PurchasePriceNotPositive(Malformed):
    code = "purchase_price_not_positive"
    message = "The purchase price must be above zero."


class PurchasePriceMissing(Malformed):
    code = "purchase_price_missing"
    message = "State the purchase price, or that the property was bought more than two years ago."


class PurchasedInFuture(Malformed):
    code = "purchased_in_future"
    message = "A property that is still to be bought has no date of purchase."


class CountryUnknown(Malformed):
    code = "country_unknown"
    message = "The country is not a code of ISO 3166-1 alpha-2, such as PL."


class CoordinatesOutsideCountry(Malformed):
    code = "coordinates_outside_country"
    message = "The coordinates do not lie in the country."


class DwellingFactsMissing(Malformed):
    code = "dwelling_facts_missing"
    message = "A dwelling needs its year of construction, its bedrooms and its condition."


class ValuedInFuture(Malformed):
    code = "valued_in_future"
    message = "A valuation cannot be dated in the future."


class CoordinatesOutOfRange(Malformed):
    code = "coordinates_out_of_range"
    message = "Latitude is from -90 to 90 degrees, longitude from -180 to 180."


class AreaOutOfRange(Malformed):
    """``minimum_m2`` and ``maximum_m2`` in ``data`` are the bounds, both of them taken."""

    code = "area_out_of_range"
    message = "The area in square metres is not plausible."


class YearBuiltOutOfRange(Malformed):
    code = "year_built_out_of_range"
    message = "The year of construction is not plausible."


class BedsExceedArea(Malformed):
    """``least_area_m2`` in ``data`` is what so many bedrooms need."""

    code = "beds_exceed_area"
    message = "So many bedrooms do not fit into the area."


class YearsTradingOutOfRange(Malformed):
    """``maximum`` in ``data`` is the most years that are taken."""

    code = "years_trading_out_of_range"
    message = "The years in business are more than any business can have."


class AmountImplausible(Malformed):
    """``field`` in ``data`` names the amount, ``maximum_euros`` the most that is taken."""

    code = "amount_implausible"
    message = "An amount is larger than any that the platform takes."


class LoanRateOutOfRange(Malformed):
    code = "rate_out_of_range"
    message = "The annual rate in percent must be above zero and at most the platform's maximum."


class RateAboveLegalMaximum(Refused):
    """``maximum`` (percent a year), ``since`` and ``governing_law`` in ``data`` say which."""

    code = "rate_above_legal_maximum"
    message = "The law that governs the loan allows no contract rate as high as this."


class RateMissing(Malformed):
    code = "rate_missing"
    message = "Name an annual rate: the risk service suggested none."


class ReasonCodeDoesNotFit(Malformed):
    code = "reason_code_does_not_fit"
    message = "A decision's reason code is one of those that approve, or of those that decline."


class NotWithinPolicy(Refused):
    """``recommendation`` and ``limits`` (the flags of those passed) in ``data`` are the assessment's."""

    code = "not_within_policy"
    message = (
        "The assessment does not recommend the loan, or a limit of the policy is passed: an approval takes a reason "
        "that says so, and a second person."
    )


class DeadlineOutOfRange(Malformed):
    code = "deadline_out_of_range"
    message = "The funding deadline must be in the future, within the allowed time."


class RegisteredInFuture(Malformed):
    code = "registered_in_future"
    message = "A charge cannot have been registered in the future."


class ConditionsEmpty(Malformed):
    code = "conditions_empty"
    message = "Send at least one of charge, valuation and insurance."


class InsuranceExpired(Refused):
    code = "insurance_expired"
    message = "The insurance has expired."


class InsuranceTooSmall(Refused):
    code = "insurance_too_small"
    message = "The insurance covers less than the loan's amount."


class ChargeRankTooLow(Refused):
    code = "charge_rank_too_low"
    message = "The charge is registered at a lower rank than agreed."


class WrongStatus(Refused):
    code = "wrong_status"
    message = "The loan's status does not allow this."


class NotAssessed(Refused):
    code = "not_assessed"
    message = "The risk service has not assessed this loan yet."


class StaleVersion(Refused):
    code = "stale_version"
    message = "The loan has changed since you read it. Read it again, then decide."


class OfferExpired(Refused):
    code = "offer_expired"
    message = "The offer's deadline has passed."


class BorrowerCeiling(Refused):
    code = "borrower_ceiling"
    message = "The borrower would exceed what one project owner may raise in twelve months."


class TermsDiffer(Refused):
    code = "terms_differ"
    message = "The second approval must name the terms of the first."


class NotYourTransition(Forbidden):
    code = "not_your_transition"
    message = "Your role may not make this change of the loan's status."


class SelfDealing(Forbidden):
    code = "self_dealing"
    message = "Nobody decides on, or invests in, their own or a related party's loan."


class SeparationOfDuties(Forbidden):
    code = "separation_of_duties"
    message = "Whoever approved a loan and recorded its conditions does not draw it down as well."


class ApplicationFormNotFound(NotFound):
    code = "application_form_not_found"
    message = "There is no such application form."


class ApplicationFormSent(Refused):
    """``loan_id`` in ``data`` is the application that it became."""

    code = "application_form_sent"
    message = "This application was sent. It can no longer be changed here."


class ApplicationIncomplete(Malformed):
    """``fields`` in ``data`` names each field that is missing or cannot stand."""

    code = "application_incomplete"
    message = "Something in the application is missing or cannot stand."


class TooManyApplicationForms(Refused):
    """``maximum`` in ``data`` is how many may be open at once."""

    code = "too_many_application_forms"
    message = "Too many applications are begun and not sent. Send one of them first."

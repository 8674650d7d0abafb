"""Every act that may take two people, put together from the features."""

from __future__ import annotations

from datetime import timedelta

from halfpenny import backoffice, funding, risk_reporting, servicing
from halfpenny.approvals import Acts
from halfpenny.entrypoints.settings import Settings


def registered_acts(settings: Settings) -> Acts:
    """The acts as the API performs them. A feature adds its own by one line here."""
    given = settings.approvals
    # Where no letter can leave, an invitation is handed to whoever approved it; production has no sandbox.
    no_letters = settings.lending.sandbox and not settings.identity.mail_url
    return Acts(
        [
            *funding.bank_acts(),
            *servicing.receipt_acts(given.receipt_excess_above * 100, settings.lending.rules),
            *servicing.arrears_acts(given.second_person_above * 100, settings.lending.rules),
            *servicing.forbearance_acts(
                given.second_person_above * 100, given.waiver_above * 100, settings.lending.rules
            ),
            *backoffice.staffing_acts(timedelta(hours=given.role_grant_wait_hours), hand_out_invitations=no_letters),
            *risk_reporting.promotion_acts(settings.promotion_key),
        ],
        timedelta(days=given.approval_days),
    )

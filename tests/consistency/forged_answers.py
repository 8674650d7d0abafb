"""Lies about the risk service's answers, what queues carried, milestones and people. As those of ``forgeries``."""

from __future__ import annotations

from consistency.forgeries import QUEUE_CHECK, Forgery, history
from halfpenny import funding, identity, risk_reporting, servicing, underwriting
from halfpenny.platform.queue import check as queues

_EVENT = "(SELECT event_id FROM outbox WHERE name = '{name}' ORDER BY seq {order} LIMIT 1)"


def _event(name: str, order: str = "DESC") -> str:
    return _EVENT.format(name=name, order=order)


def _gone(name: str, order: str = "DESC") -> str:
    """An event with all that the queues know of it."""
    return (
        f"CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT {_event(name, order)} AS event_id;"
        "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM gone);"
        "DELETE FROM delivery WHERE event_id IN (SELECT event_id FROM gone);"
        "DELETE FROM outbox WHERE event_id IN (SELECT event_id FROM gone)"
    )


def _changed(name: str, change: str) -> str:
    return f"UPDATE outbox SET payload = {change} WHERE event_id = {_event(name)}"


_OUTSIDER = "jsonb_set(payload, '{{loan_id}}', '\"{outsider}\"')"
# What the risk service says, under ids that do not say it.
ANSWERS: dict[str, Forgery] = {
    "another grade": Forgery(
        _changed("loan.assessed", 'payload || \'{{"grade": "A"}}\''), underwriting.check, "outbox"
    ),
    "an answer without its grade": Forgery(
        _changed("loan.assessed", "payload - 'grade'"), underwriting.check, "outbox"
    ),
    "an answer about another loan": Forgery(_changed("loan.assessed", _OUTSIDER), underwriting.check, "outbox"),
    "an answer to older terms": Forgery(
        _changed("loan.assessed", "payload || '{{\"loan_version\": 1}}'"), underwriting.check, "outbox"
    ),
    "an answer to a request that nobody made": Forgery(
        _changed("loan.assessed", "jsonb_set(payload, '{{request_id}}', '\"{outsider}\"')"),
        underwriting.check,
        "outbox",
    ),
    "an answer of another model": Forgery(
        _changed("loan.assessed", 'payload || \'{{"model_version": "other"}}\''), underwriting.check, "outbox"
    ),
    "an answer that is missing": Forgery(_gone("loan.assessed"), underwriting.check, "outbox"),
    "another answer that is missing": Forgery(_gone("loan.assessed", "ASC"), underwriting.check, "outbox"),
    "an answer from before all that is compared": Forgery(
        "UPDATE outbox SET recorded_at = '2020-01-01', published_at = '2020-01-01' "
        f"WHERE event_id = {_event('loan.assessed')}",
        underwriting.check,
        "outbox",
    ),
    "an answer that nobody gave": Forgery(
        "SELECT outbox_append(jsonb_build_array(jsonb_build_object('event_id', gen_random_uuid(), 'name', name, "
        "'version', 1, 'aggregate_id', aggregate_id, 'payload', "
        "jsonb_set(payload, '{{request_id}}', to_jsonb(gen_random_uuid()))))) "
        f"FROM outbox WHERE event_id = {_event('loan.assessed')}",
        underwriting.check,
        "outbox",
    ),
    "an answer that was handled and is not kept": Forgery(
        f"DELETE FROM assessment_narrative WHERE assessment_id IN (SELECT a.id FROM assessment a, outbox o "
        f"WHERE o.event_id = {_event('loan.assessed')} AND a.answer = o.payload);"
        "DELETE FROM assessment WHERE answer = "
        f"(SELECT payload FROM outbox WHERE event_id = {_event('loan.assessed')})",
        underwriting.check,
        "outbox",
    ),
    "other prose": Forgery(
        _changed("loan.narrative_written", 'payload || \'{{"narrative": {{"written_by": "me"}}}}\''),
        underwriting.check,
        "outbox",
    ),
    "prose about another loan": Forgery(
        f"UPDATE outbox SET aggregate_id = '{{outsider}}' WHERE event_id = {_event('loan.narrative_written')}",
        underwriting.check,
        "outbox",
    ),
    "an answer in a form that nobody reads": Forgery(
        f"UPDATE outbox SET version = 2 WHERE event_id = {_event('loan.assessed')}", underwriting.check, "outbox"
    ),
    "an answer under another id": Forgery(
        f"UPDATE outbox SET event_id = gen_random_uuid() WHERE event_id = {_event('loan.assessed')}",
        QUEUE_CHECK,
        "inbox",
    ),
    "prose about other terms": Forgery(
        _changed("loan.narrative_written", "payload || '{{\"loan_version\": 99}}'"), underwriting.check, "outbox"
    ),
    "prose that says it is about another loan": Forgery(
        _changed("loan.narrative_written", _OUTSIDER), underwriting.check, "outbox"
    ),
    "prose that is missing": Forgery(_gone("loan.narrative_written"), underwriting.check, "outbox"),
    "another method": Forgery(
        _changed("risk.method_published", 'payload || \'{{"central_tendency": "0.01"}}\''),
        risk_reporting.check,
        "outbox",
    ),
    "another method that was kept": Forgery(
        _changed("risk.method_published", 'payload || \'{{"central_tendency": "0.01"}}\''),
        risk_reporting.methods_check,
        "outbox",
    ),
    "a method that is missing": Forgery(_gone("risk.method_published"), risk_reporting.methods_check, "outbox"),
    "a question for the promotion that is missing": Forgery(
        _gone("risk.promotion_asked"), risk_reporting.methods_check, "outbox"
    ),
    "a restated promotion that is missing": Forgery(
        _gone("risk.promotion_restated"), risk_reporting.methods_check, "outbox"
    ),
    "a question by a service that has the promotion": Forgery(
        _changed("risk.promotion_asked", "'{{\"number\": 1}}'"), risk_reporting.methods_check, "outbox"
    ),
}
_UNHANDLED = "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM outbox WHERE name = '{name}');"
# What the queues carried, with what the queues know of it.
QUEUES: dict[str, Forgery] = {
    "no request was handled": Forgery("DELETE FROM inbox WHERE queue = 'risk.requests'", QUEUE_CHECK, "inbox"),
    "a request that was handled has no answer": Forgery(
        "INSERT INTO inbox (queue, event_id) SELECT 'risk.requests', event_id FROM outbox "
        "WHERE name = 'loan.drawn_down' LIMIT 1",
        underwriting.check,
        "outbox",
    ),
    "a request was handled that never was": Forgery(
        "INSERT INTO inbox (queue, event_id) VALUES ('risk.requests', uuidv7())", QUEUE_CHECK, "inbox"
    ),
    **{
        f"{name} left before it was recorded": Forgery(
            _UNHANDLED.format(name=name) + f"UPDATE outbox SET published_at = '2020-01-01' WHERE name = '{name}'",
            queues.check,
            "outbox",
        )
        for name in ("investment.made", "withdrawal.settled", "deposit.settled", "loan.assessed")
    },
    "an event that left before it was recorded reached nobody": Forgery(
        _UNHANDLED.format(name="investment.made")
        + "DELETE FROM delivery; UPDATE outbox SET published_at = '2020-01-01' WHERE name = 'investment.made'",
        QUEUE_CHECK,
        "inbox",
    ),
    "an event was handled before it was recorded": Forgery(
        "UPDATE inbox SET handled_at = '2020-01-01' WHERE event_id IN (SELECT event_id FROM outbox "
        "WHERE name = 'investment.made')",
        queues.check,
        "inbox",
    ),
}
MILESTONES: dict[str, Forgery] = {
    **{
        f"nobody heard of {percent} %": Forgery(
            "CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT event_id FROM outbox "
            f"WHERE name = 'funding.milestone_reached' AND aggregate_id = '{{active}}' "
            f"AND payload->>'percent' = '{percent}'; SELECT 1 / count(*) FROM gone;"
            "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM gone);"
            "DELETE FROM outbox WHERE event_id IN (SELECT event_id FROM gone);"
            f"DELETE FROM funding_milestone WHERE loan_id = '{{active}}' AND percent = {percent}",
            funding.check,
            "funding_milestone",
        )
        for percent in (25, 100)
    },
    "a milestone that was not reached": Forgery(
        "INSERT INTO funding_milestone SELECT loan_id, 100, now() FROM loan_funding WHERE status = 'open' LIMIT 1",
        funding.check,
        "funding_milestone",
    ),
}


def _entry(action: str, person: str, data: str) -> str:
    """What an act has left in the audit trail."""
    return f"INSERT INTO audit_entry (action, subject, subject_id, data) SELECT '{action}', 'user', '{person}', {data};"


_KYC = _entry("user.kyc_set", "{outsider}", '\'{{"status": "rejected"}}\'')
_ROLE = _entry("user.role_set", "{outsider}", '\'{{"role": "investor", "was": "borrower"}}\'')
_RELATED = _entry("user.related", "{borrower}", '\'{{"to": "{outsider}"}}\'')
# Each with the entry of the act, and one forged entry of the history.
PEOPLE: dict[str, Forgery] = {
    "a tax rate that nobody set": Forgery(
        "UPDATE tax_profile SET withholding_millionths = 1 WHERE investor_id = '{holder}';"
        + history("tax_profile", "'{holder}'", "'{{\"withholding_millionths\": 1}}'"),
        servicing.check,
        "tax_profile",
    ),
    "a treaty form that nobody filed": Forgery(
        "UPDATE tax_profile SET treaty_form = NOT treaty_form WHERE investor_id = '{holder}';"
        + history(
            "tax_profile",
            "'{holder}'",
            "(SELECT jsonb_build_object('treaty_form', treaty_form) FROM tax_profile WHERE investor_id = '{holder}')",
        ),
        servicing.check,
        "tax_profile",
    ),
    "a tax profile that nobody gave": Forgery(
        "INSERT INTO tax_profile VALUES ('{outsider}', 'DE', true, 0, business_now());"
        + history(
            "tax_profile",
            "'{outsider}'",
            '\'{{"country": "DE", "treaty_form": true, "withholding_millionths": 0}}\'',
            "inserted",
        ),
        servicing.check,
        "tax_profile",
    ),
    "a tax rate that was another for a while": Forgery(
        history("tax_profile", "'{holder}'", "'{{\"withholding_millionths\": 7}}'")
        + history("tax_profile", "'{holder}'", "'{{\"withholding_millionths\": 20000000}}'"),
        servicing.check,
        "tax_profile",
    ),
    "a tax profile that is gone": Forgery(
        "DELETE FROM tax_profile WHERE investor_id = '{holder}';"
        + history("tax_profile", "'{holder}'", "'{{}}'", "deleted"),
        servicing.check,
        "tax_profile",
    ),
    "a relation that is gone": Forgery(
        _RELATED + history("related_party", "'{borrower}/{outsider}'", "'{{}}'", "deleted"),
        identity.check,
        "related_party",
    ),
    "a role that nobody gave": Forgery(
        _ROLE
        + "UPDATE app_user SET role = 'administrator' WHERE id = '{outsider}';"
        + history("app_user", "'{outsider}'", '\'{{"role": "administrator"}}\''),
        identity.check,
        "app_user",
    ),
    "a verification that nobody made": Forgery(
        _KYC
        + "UPDATE app_user SET kyc_status = 'verified' WHERE id = '{outsider}';"
        + history("app_user", "'{outsider}'", '\'{{"kyc_status": "verified"}}\''),
        identity.check,
        "app_user",
    ),
    "an account that was closed": Forgery(
        _entry("user.disabled", "{outsider}", "'{{}}'")
        + "UPDATE app_user SET disabled_at = NULL WHERE id = '{outsider}';"
        + history("app_user", "'{outsider}'", "'{{\"disabled_at\": null}}'"),
        identity.check,
        "app_user",
    ),
}
KINDS = {"answers": ANSWERS, "queues": QUEUES, "milestones": MILESTONES, "people": PEOPLE}
# Events that may come twice without anybody reading anything wrong.
MAY_COME_TWICE = {
    "loan.reassessment_requested": "the question may be put again, to another model",
    "risk.method_published": "it is published at every start of the risk service",
    "risk.promotion_restated": "each question is answered",
    "risk.promotion_asked": "every instance of the risk service asks again and again",
}
# Taken away together they leave nothing that rests on them; ``ANSWERS`` takes away one of them.
NOTHING_RESTS_ON = {"risk.promotion_asked", "risk.promotion_restated"}


def rows_of(table: str) -> str:
    """The rows that are changed column by column: what the risk service says is changed by ``ANSWERS``."""
    own = f"WHERE name NOT IN ({queues.OF_OTHERS})" if table == "outbox" else ""
    return f'SELECT ctid::text, * FROM "{table}" {own} ORDER BY ctid'

"""Tax profiles, as they are and as their history says they were, against the audit entries of whoever set them."""

from __future__ import annotations

from halfpenny.platform.consistency import Comparison
from halfpenny.servicing.service.tax_profiles import TAX_PROFILE_SET

_SET = f"(SELECT * FROM audit_entry WHERE subject = 'user' AND action = '{TAX_PROFILE_SET}')"
PROFILES = Comparison(
    "tax_profile",
    "coalesce(p.investor_id, a.subject_id)",
    f"""tax_profile p FULL JOIN (SELECT DISTINCT ON (subject_id) subject_id, data FROM {_SET} a
  ORDER BY subject_id, id DESC) a ON a.subject_id = p.investor_id""",
    {
        "country": ("p.country", "a.data->>'country'"),
        "treaty_form": ("p.treaty_form", "(a.data->>'treaty_form')::boolean"),
        "withholding_millionths": ("p.withholding_millionths", "(a.data->>'withholding_millionths')::integer"),
    },
    "the audit entry of whoever set it last",
    present="p.investor_id IS NOT NULL",
    wanted="a.subject_id IS NOT NULL",
)
# Each set writes one entry of either kind, and tax is withheld by the rate of its moment: so the history has as many as
# the audit trail, in their order. It keeps only what has changed.
HISTORY = Comparison(
    "tax_profile",
    "coalesce(h.row_key, a.subject_id::text)",
    f"""(SELECT row_key, data, row_number() OVER (PARTITION BY row_key ORDER BY seq) AS number FROM row_history
  WHERE table_name = 'tax_profile') h
FULL JOIN (SELECT subject_id, actor_id, data, row_number() OVER (PARTITION BY subject_id ORDER BY id) AS number
  FROM {_SET} a) a ON a.subject_id::text = h.row_key AND a.number = h.number""",
    {
        column: (f"coalesce(h.data->>'{column}', a.data->>'{column}')", f"a.data->>'{column}'")
        for column in ("country", "treaty_form", "withholding_millionths")
    }
    | {"set by": ("a.actor_id", "a.subject_id")},
    "the audit entries of whoever set it",
    present="h.row_key IS NOT NULL",
    wanted="a.subject_id IS NOT NULL",
)
TAX = (PROFILES, HISTORY)

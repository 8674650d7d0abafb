"""Lies of somebody who takes seals away: none is computed anew. As those of ``forgeries``."""

from __future__ import annotations

from consistency.forgeries import Forgery
from halfpenny.platform import row_history


def cut_off(chain: str, table: str, place: str = "0", edit: str = "") -> Forgery:
    """An edit, with every seal of its chain after ``place`` taken away and the head set back: no hash is computed."""
    return Forgery(
        f"{edit}; CREATE TEMPORARY TABLE kept_until ON COMMIT DROP AS SELECT {place} AS place;"
        f"DELETE FROM {table} WHERE place > (SELECT place FROM kept_until);"
        f"DELETE FROM chain_head WHERE chain = '{chain}';"
        f"INSERT INTO chain_head SELECT '{chain}', place, hash FROM {table} ORDER BY place DESC LIMIT 1",
        row_history.check,
        table,
    )


_LATER = "UPDATE transfer SET effective_date = effective_date + 3 WHERE event = 'distribution'"
_BEFORE_THE_LAST = "(SELECT max(place) - 1 FROM {} WHERE {} > 0)"
# Seals that are taken away and not computed anew.
CHAINS: dict[str, Forgery] = {
    "the ledger's chain": cut_off("ledger", "ledger_segment", edit=_LATER),
    "the end of the ledger's chain": cut_off(
        "ledger", "ledger_segment", _BEFORE_THE_LAST.format("ledger_segment", "transfers"), _LATER
    ),
    "the chain of the history": cut_off(
        "row_history",
        "row_history_segment",
        edit="UPDATE row_history SET data = data || '{{\"country\": \"MT\"}}' WHERE table_name = 'app_user'",
    ),
    "the end of the chain of the history": cut_off(
        "row_history", "row_history_segment", _BEFORE_THE_LAST.format("row_history_segment", "entries")
    ),
    "the chain of the audit trail": cut_off(
        "audit", "audit_seal", edit="UPDATE audit_entry SET actor_id = '{outsider}' WHERE subject_id = '{active}'"
    ),
    "the end of the chain of the audit trail": cut_off(
        "audit", "audit_seal", "(SELECT max(place) - 2 FROM audit_seal)"
    ),
    "the end of a chain, which another recorded as it is not": Forgery(
        "UPDATE row_history_segment SET hash = sha256('another') WHERE place = "
        "(SELECT max(place) FROM row_history_segment);"
        "UPDATE chain_head SET hash = sha256('another') WHERE chain = 'row_history'",
        row_history.check,
        "row_history_segment",
    ),
}

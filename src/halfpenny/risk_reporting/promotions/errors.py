"""Refusals of promotions."""

from __future__ import annotations

from halfpenny.primitives.errors import Refused


class AlreadyChampion(Refused):
    code = "already_champion"
    message = "This model is the champion already."


class ChampionDiffers(Refused):
    code = "champion_differs"
    message = "The champion is another model than the proposal names. Update the risk service, then propose again."


class JudgedAgainstAnother(Refused):
    code = "judged_against_another"
    message = "The candidate was judged against another model than the champion in force. Judge it again."


class WorseThanChampion(Refused):
    code = "worse_than_champion"
    message = "The candidate was found worse than the champion on unseen rows: its Brier score is higher."


class GatesFailed(Refused):
    """``gates`` in ``data`` names them: intervals, monotone_trials, monotone_breaks, slope, intercept."""

    code = "gates_failed"
    message = "The figures of the judgement fail the gates that a candidate has to pass."


class PromotionKeyMissing(Refused):
    code = "promotion_key_missing"
    message = "No key is set that signs promotions: HALFPENNY_PROMOTION_KEY_FILE."

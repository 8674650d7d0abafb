"""Errors of the risk service: each has a stable code and whether a retry can help."""

from __future__ import annotations

from typing import ClassVar


class RiskError(Exception):
    """A failure with a name. ``retryable`` is False where the same input must fail again."""

    code: ClassVar[str] = "risk_error"
    retryable: ClassVar[bool] = False


class BadTable(RiskError):
    """A data file that cannot be read as the table it should be."""

    code = "bad_table"


class BadArtefact(RiskError):
    """A model file that is missing, changed since it was signed, or of another layout."""

    code = "bad_artefact"


class BadSettings(RiskError):
    """A setting that cannot be used; the message names it."""

    code = "bad_settings"


class PolicyNotInForce(RiskError):
    """A day before the first policy: no policy answered on it."""

    code = "policy_not_in_force"


class BadApplication(RiskError):
    """An application that no score can be given to: the amounts contradict arithmetic."""

    code = "bad_application"


class PromotionForged(RiskError):
    """A promotion that was not signed by the platform, or for another purpose."""

    code = "promotion_forged"


class PromotionReplayed(RiskError):
    """The promotion in force, by an event that is not the one which brought it."""

    code = "promotion_replayed"


class PromotionStale(RiskError):
    """A promotion that is older than the one in force."""

    code = "promotion_stale"


class PromotedModelMissing(RiskError):
    """A promotion of a model that is not in this service's folder with the hash that was approved."""

    code = "promoted_model_missing"


class PromotionUnjudged(RiskError):
    """A promotion whose judgement, as it was approved, is not the one in this service's folder."""

    code = "promotion_unjudged"


class ProposalRefused(RiskError):
    """A model cannot be proposed: it was not judged, or the platform refused."""

    code = "proposal_refused"


class UnknownCurrency(BadApplication):
    """An application in a currency that the policy has no rate of; the message names it."""

    code = "unknown_currency"


class SourceMissing(RiskError):
    """A data package that training needs is not installed here; the message names how to get it."""

    code = "source_missing"


class NarrativeRefused(RiskError):
    """Prose that does not match the facts; the template is used instead."""

    code = "narrative_refused"


class NarrativeUnavailable(RiskError):
    """The language model could not be reached in time; the template is used instead."""

    code = "narrative_unavailable"
    retryable = True

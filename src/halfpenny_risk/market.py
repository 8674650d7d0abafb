"""Market models: the automated valuation of one place, as a plug-in."""

from __future__ import annotations

from halfpenny_risk.artefacts import ArtefactFolder
from halfpenny_risk.valuation import Market


def load_markets(artefacts: ArtefactFolder) -> tuple[Market, ...]:
    """Every market model among the artefacts."""
    return ()

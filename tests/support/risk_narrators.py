"""Narrators for the tests of the risk service's consumers."""

from __future__ import annotations

import asyncio

from halfpenny_messages import LoanAssessed, LoanSubmitted, LocalisedText, Narrative


class SlowNarrator:
    """Writes nothing until ``may_go_on`` is set."""

    writes_prose = True

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()

    async def narrate(self, loan: LoanSubmitted, assessed: LoanAssessed) -> Narrative:
        await self.may_go_on.wait()
        text = LocalisedText("Prose about it.", "Proza o tym.")
        return Narrative(text=text, label=LocalisedText("By AI.", "Przez AI."), written_by="ai", model="slow")

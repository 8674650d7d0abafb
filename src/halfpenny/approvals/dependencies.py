"""What routes need of the application to perform acts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from halfpenny.approvals.model import Acts


def registered_acts(request: Request) -> Acts:
    """Every act of the application; the entrypoints put them together from the features."""
    found: Acts = request.app.state.acts
    return found


AppActs = Annotated[Acts, Depends(registered_acts)]

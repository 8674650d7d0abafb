"""docs/settings.md, from the settings themselves.

``make docs`` writes it; a test compares them.
"""

from __future__ import annotations

import sys

from halfpenny.entrypoints.settings import every_setting

_INTRODUCTION = """# Settings

Everything comes from environment variables, read once at the start; one that is empty counts as not set. A wrong value
stops the start with one line that names it; so does a variable that begins with `HALFPENNY_` and is not listed here.
What has no default is shown by an example, in italics. Made by `make docs`.

| variable | default, or *an example* | what it is |
|---|---|---|
"""
_RISK = """
The risk service has settings of its own, which begin with `HALFPENNY_RISK_`
([guide](guides/risk-service.md)); it also reads `DATABASE_URL`, `AMQP_URL` and `MONGO_URL`.
"""


def document() -> str:
    """The whole of docs/settings.md."""
    rows = []
    for setting in every_setting():
        value = f"`{setting.default}`" if setting.default else f"*`{setting.example}`*"
        rows.append(f"| `{setting.name}` | {value} | {setting.description} |")
    return _INTRODUCTION + "\n".join(rows) + "\n" + _RISK


if __name__ == "__main__":
    sys.stdout.write(document())

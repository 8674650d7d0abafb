"""Reading the worked tables of the documentation, so that tests can execute them."""

from __future__ import annotations

from pathlib import Path

ALGORITHMS = Path(__file__).parents[2] / "docs" / "algorithms"

Row = dict[str, str]


def worked_table(page: str, heading: str) -> list[Row]:
    """The first table under ``heading`` of ``docs/algorithms/<page>``, a dict by column for each row.

    Raises LookupError where there is no such heading, no table under it, or no row in it: a test that would
    have nothing to execute must not pass.
    """
    lines = (ALGORITHMS / page).read_text().splitlines()
    places = [place for place, line in enumerate(lines) if line.lstrip("#").strip() == heading and line.startswith("#")]
    if len(places) != 1:
        raise LookupError(f"{page} has no one heading {heading!r}")
    section = []
    for line in lines[places[0] + 1 :]:
        if line.startswith("#"):
            break
        if line.startswith("|"):
            section.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif section:
            break
    if len(section) < 3:
        raise LookupError(f"{page} has no rows under {heading!r}")
    columns, _, *rows = section
    return [dict(zip(columns, row, strict=True)) for row in rows]

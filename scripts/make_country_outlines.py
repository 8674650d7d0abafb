#!/usr/bin/env python3
"""Make src/halfpenny_messages/countries.json: the outline of every country of ISO 3166-1, coarse and small.

    npm pack world-atlas@2 && tar xzf world-atlas-2*.tgz
    python scripts/make_country_outlines.py package/countries-50m.json     # needs pycountry beside it

The outlines are Natural Earth's at 1:50,000,000, which are in the public domain (world-atlas only packs them; it is
under the ISC licence); the codes are those of ISO 3166-1 as pycountry lists them. Borders are thinned to 0.05 degrees
and kept in hundredths of a degree: longitude, latitude, longitude, latitude, ...
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pycountry

OUT = Path(__file__).resolve().parent.parent / "src" / "halfpenny_messages" / "countries.json"
TOLERANCE_DEGREES = 0.05
# Codes of their own that the map draws as part of another country.
DRAWN_WITHIN = {
    "BQ": "NL", "BV": "NO", "CC": "IO", "CX": "IO", "GF": "FR", "GI": "ES", "GP": "FR", "MQ": "FR", "RE": "FR",
    "SJ": "NO", "TK": "NZ", "TV": "FJ", "UM": "US", "YT": "FR",
}  # fmt: skip
Point = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("atlas", type=Path)
    atlas = json.loads(parser.parse_args().atlas.read_text())
    arcs = [thinned(arc) for arc in decoded(atlas)]
    by_number = {country.numeric: country.alpha_2 for country in pycountry.countries}
    outlines: dict[str, list[list[int]]] = {code: [] for code in sorted(by_number.values())}
    for shape in atlas["objects"]["countries"]["geometries"]:
        code = "IO" if shape["properties"]["name"] == "Indian Ocean Ter." else by_number.get(shape.get("id", ""))
        if code is None:
            continue
        polygons = [shape["arcs"]] if shape["type"] == "Polygon" else shape["arcs"]
        outlines[code] += [ring(path, arcs) for polygon in polygons for path in polygon]
    for code, whole in DRAWN_WITHIN.items():
        outlines[code] = outlines[code] or outlines[whole]
    missing = [code for code, rings in outlines.items() if not rings]
    if missing:
        sys.exit(f"no outline of {', '.join(missing)}")
    OUT.write_text(json.dumps(outlines, separators=(",", ":")) + "\n")
    sys.stdout.write(f"{OUT}: {len(outlines)} countries, {OUT.stat().st_size} bytes\n")


def decoded(atlas: dict) -> list[list[Point]]:  # type: ignore[type-arg]
    """The arcs of a TopoJSON file in degrees."""
    (east, north), (left, bottom) = atlas["transform"]["scale"], atlas["transform"]["translate"]
    found = []
    for arc in atlas["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * east + left, y * north + bottom))
        found.append(points)
    return found


def thinned(points: list[Point]) -> list[Point]:
    """The line without the points that lie within the tolerance of it (Douglas and Peucker, 1973)."""
    if len(points) < 3:
        return points
    (x0, y0), (x1, y1) = points[0], points[-1]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5

    def off(point: Point) -> float:
        x, y = point
        if length == 0.0:
            return float(((x - x0) ** 2 + (y - y0) ** 2) ** 0.5)
        return float(abs((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length)

    far = max(range(1, len(points) - 1), key=lambda place: off(points[place]))
    if off(points[far]) <= TOLERANCE_DEGREES:
        return [points[0], points[-1]]
    return thinned(points[: far + 1])[:-1] + thinned(points[far:])


def ring(path: list[int], arcs: list[list[Point]]) -> list[int]:
    points: list[Point] = []
    for number in path:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += arc if not points else arc[1:]
    return [round(100 * degree) for point in points for degree in point]


if __name__ == "__main__":
    main()

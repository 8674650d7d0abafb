"""From a Lambert conformal conic map back to latitude and longitude.

Source: J. P. Snyder, "Map Projections: A Working Manual", US Geological Survey Professional Paper 1395 (1987),
section 15.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halfpenny_risk.normal import Floats

# GRS 80 ellipsoid.
SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY = 0.0818191910428158


@dataclass(frozen=True)
class Lambert:
    """A projection with two standard parallels; angles in degrees, offsets in metres."""

    first_parallel: float
    second_parallel: float
    latitude_of_origin: float
    longitude_of_origin: float
    false_easting_m: float
    false_northing_m: float

    def to_degrees(self, east_m: Floats, north_m: Floats) -> tuple[Floats, Floats]:
        """Latitude and longitude of map coordinates."""
        first, second = np.radians(self.first_parallel), np.radians(self.second_parallel)
        n = (np.log(_m(first)) - np.log(_m(second))) / (np.log(_t(first)) - np.log(_t(second)))
        f = _m(first) / (n * _t(first) ** n)
        rho_origin = SEMI_MAJOR_M * f * _t(np.radians(self.latitude_of_origin)) ** n
        x = np.asarray(east_m) - self.false_easting_m
        y = rho_origin - (np.asarray(north_m) - self.false_northing_m)
        t = (np.hypot(x, y) / (SEMI_MAJOR_M * f)) ** (1.0 / n)
        latitude = np.pi / 2 - 2 * np.arctan(t)
        for _ in range(8):
            bend = ECCENTRICITY * np.sin(latitude)
            latitude = np.pi / 2 - 2 * np.arctan(t * ((1 - bend) / (1 + bend)) ** (ECCENTRICITY / 2))
        return np.degrees(latitude), np.degrees(np.arctan2(x, y) / n) + self.longitude_of_origin


# Ohio North, as the Lucas County data name their coordinates.
OHIO_NORTH = Lambert(41.7, 40.4333333333333, 39.6666666666667, -82.5, 600_000.0, 0.0)


def _m(angle: Floats | float) -> Floats:
    return np.asarray(np.cos(angle) / np.sqrt(1 - (ECCENTRICITY * np.sin(angle)) ** 2))


def _t(angle: Floats | float) -> Floats:
    bend = ECCENTRICITY * np.sin(angle)
    return np.asarray(np.tan(np.pi / 4 - angle / 2) / ((1 - bend) / (1 + bend)) ** (ECCENTRICITY / 2))

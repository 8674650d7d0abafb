"""Oblivious trees in numpy: the prediction and the Shapley values of a CatBoost model, without CatBoost.

Every level of such a tree asks the same question of all its nodes, so that the answers are the bits of the leaf's
number. Predictions equal the library's own to 1e-9 on recorded vectors, Shapley values too
but for branches that no training row took (tests/risk/test_trees.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpenny_risk.errors import BadArtefact

Floats = NDArray[np.float64]
_ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class ObliviousTrees:
    """``split_feature`` and ``split_border``: trees x depth; ``leaves`` and ``covers``: trees x 2**depth."""

    features: tuple[str, ...]
    split_feature: NDArray[np.int32]
    split_border: NDArray[np.float32]
    leaves: Floats
    covers: Floats
    bias: float

    @property
    def depth(self) -> int:
        """How many questions each tree asks."""
        return int(self.split_feature.shape[1])

    def predict(self, rows: Floats) -> Floats:
        """The raw score of each row (rows x features, NaN for missing)."""
        # CatBoost stores borders and compares features as 32-bit floats; NaN is below every border.
        narrow = rows.astype(np.float32)
        powers = (1 << np.arange(self.depth)).astype(np.int32)
        trees = np.arange(len(self.leaves))
        out = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = narrow[start : start + _ROWS_AT_ONCE]
            leaf = np.zeros((len(part), len(trees)), dtype=np.int32)
            for level in range(self.depth):
                leaf += (part[:, self.split_feature[:, level]] > self.split_border[:, level]) * powers[level]
            out[start : start + _ROWS_AT_ONCE] = self.leaves[trees, leaf].sum(axis=1)
        return out + self.bias

    def shapley(self, row: Floats) -> tuple[float, Floats]:
        """The expected score, and what each feature adds to it for one row: together exactly ``predict``.

        Path-dependent Shapley values (Lundberg et al., "From local explanations to global understanding with
        explainable AI for trees", Nature Machine Intelligence 2, 2020), by enumerating the subsets of a tree's few
        features.
        """
        bits = row.astype(np.float32)[self.split_feature] > self.split_border
        position, width = self._own_features()
        subsets = 1 << self.depth
        values = np.broadcast_to(self.leaves, (subsets, *self.leaves.shape))
        covers = self.covers
        subset = np.arange(subsets)
        # The first split is the lowest bit of the leaf's number, which is the deepest level of the tree.
        for level in range(self.depth):
            low, high = values[..., 0::2], values[..., 1::2]
            low_cover, high_cover = covers[:, 0::2], covers[:, 1::2]
            total = low_cover + high_cover
            share = np.divide(high_cover, total, out=np.full_like(total, 0.5), where=total > 0.0)
            known = (subset[:, None] >> position[:, level]) & 1 == 1
            taken = np.where(bits[:, level][:, None], high, low)
            values = np.where(known[..., None], taken, low + share * (high - low))
            covers = total
        by_subset = values[..., 0]
        contributions = np.zeros(len(self.features))
        for count in range(1, self.depth + 1):
            chosen = np.flatnonzero(width == count)
            if len(chosen):
                weights = shapley_weights(count)
                own = weights @ by_subset[: 1 << count, chosen]
                for place in range(count):
                    at = position[chosen] == place
                    feature = self.split_feature[chosen, at.argmax(axis=1)]
                    np.add.at(contributions, feature, own[place])
        return self.bias + float(by_subset[0].sum()), contributions

    def _own_features(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each tree and level, which of the tree's distinct features it asks about; and how many there are."""
        position = np.zeros(self.split_feature.shape, dtype=np.int64)
        width = np.zeros(len(self.split_feature), dtype=np.int64)
        for level in range(self.depth):
            seen = np.full(len(width), -1)
            for earlier in range(level):
                same = self.split_feature[:, earlier] == self.split_feature[:, level]
                seen = np.where(same, position[:, earlier], seen)
            position[:, level] = np.where(seen >= 0, seen, width)
            width += seen < 0
        return position, width


def shapley_weights(count: int) -> Floats:
    """Row j, column s: how much the value of subset s counts for feature j, ``count`` features in all."""
    weights = np.zeros((count, 1 << count))
    for subset in range(1 << count):
        size = subset.bit_count()
        for feature in range(count):
            if subset >> feature & 1:
                weights[feature, subset] += factorial(size - 1) * factorial(count - size) / factorial(count)
            else:
                weights[feature, subset] -= factorial(size) * factorial(count - size - 1) / factorial(count)
    return weights


def trees_from_json(content: Mapping[str, Any], features: Sequence[str]) -> ObliviousTrees:
    """The trees in the JSON that CatBoost saves; raises ``BadArtefact`` where they are of another kind."""
    try:
        scale, bias = content["scale_and_bias"]
        trees = content["oblivious_trees"]
        depth = max(len(tree["splits"]) for tree in trees)
        shape = (len(trees), depth)
        feature, border = np.zeros(shape, dtype=np.int32), np.full(shape, np.inf, dtype=np.float32)
        leaves, covers = np.zeros((len(trees), 1 << depth)), np.zeros((len(trees), 1 << depth))
        for row, tree in enumerate(trees):
            used = len(tree["splits"])
            for level, split in enumerate(tree["splits"]):
                feature[row, level] = split["float_feature_index"]
                border[row, level] = split["border"]
            if used:
                feature[row, used:] = feature[row, 0]
            # A tree that asks less than the deepest one never reaches the upper leaves.
            leaves[row, : 1 << used] = np.asarray(tree["leaf_values"], dtype=np.float64) * scale
            covers[row, : 1 << used] = tree["leaf_weights"]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadArtefact(f"not the oblivious trees that were expected: {error!r}") from None
    if feature.max() >= len(features):
        raise BadArtefact("a split asks about a feature that the model does not have")
    return ObliviousTrees(tuple(features), feature, border, leaves, covers, float(np.ravel(bias)[0]))

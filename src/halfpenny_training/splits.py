"""Splits that do not leak: by class, by time, and never through the middle of a group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
# The share of the later rows that must belong to groups never seen before for these alone to be the test.
LEAST_FRESH = 0.2
GROUP_SEED = 20160101


def stratified_folds(target: Ints, folds: int, seed: int, groups: Ints | None = None) -> list[Ints]:
    """Row numbers of each fold: both classes spread evenly, and all rows of a group in one fold."""
    random = np.random.default_rng(seed)
    rows = np.arange(len(target))
    group = rows if groups is None else groups
    names, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    del first
    hits = np.bincount(inverse, weights=target, minlength=len(names)) > 0
    fold_of_group = np.empty(len(names), dtype=np.int64)
    offset = 0
    for wanted in (True, False):
        members = random.permutation(np.flatnonzero(hits == wanted))
        # Dealt out like cards, going on where the other class stopped, so that small samples fill every fold.
        fold_of_group[members] = (np.arange(len(members)) + offset) % folds
        offset += len(members)
    return [rows[fold_of_group[inverse] == fold] for fold in range(folds)]


def time_split(time: NDArray[np.float64], share_after: float, groups: Ints | None = None) -> tuple[Ints, Ints]:
    """Rows to train on, and the latest rows to test on.

    The cut falls between two moments, never within one. A group that has a row in training is left out of the test:
    its later rows would be predicted by its earlier ones. Where that would leave too little, as in a panel whose loans
    all begin early, three groups in ten are kept for the test, by their later rows, and have no row in training.
    """
    cut = float(np.quantile(time, 1.0 - share_after, method="higher"))
    late = time >= cut
    if late.all():
        late = time > time.min()
    early = ~late
    if groups is not None:
        fresh = late & ~np.isin(groups, np.unique(groups[early]))
        if fresh.sum() >= LEAST_FRESH * late.sum():
            late = fresh
        else:
            names = np.unique(groups)
            chosen = np.random.default_rng(GROUP_SEED).permutation(names)[: max(1, int(0.3 * len(names)))]
            kept = np.isin(groups, chosen)
            early, late = early & ~kept, late & kept
    return np.flatnonzero(early), np.flatnonzero(late)

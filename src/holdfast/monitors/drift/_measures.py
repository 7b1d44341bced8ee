"""What is measured of drift."""

from __future__ import annotations

from holdfast.domain.measure import Direction, Measure

DISTANCE = Measure(
    "drift.distance",
    "Share of rows that moved",
    "share",
    Direction.LOWER_IS_BETTER,
    "How far a column lies from what is usual: the greatest gap between the distribution functions of a number "
    "(Kolmogorov-Smirnov), the share of rows that would have to change of a category (total variation).",
    (0, 1),
)
PSI = Measure(
    "drift.psi",
    "Population stability index",
    "nats",
    Direction.LOWER_IS_BETTER,
    "The symmetric divergence of a column from what is usual, over ten groups with equally many usual rows.",
)
JENSEN_SHANNON = Measure(
    "drift.jensen_shannon",
    "Jensen-Shannon distance",
    "distance",
    Direction.LOWER_IS_BETTER,
    "How far a column lies from what is usual, between 0 (the same) and 1 (nothing in common).",
    (0, 1),
)
WASSERSTEIN = Measure(
    "drift.wasserstein",
    "Mean distance that values moved",
    "sd",
    Direction.LOWER_IS_BETTER,
    "How far a number's values would have to be moved on average to be as usual, in their usual standard deviations.",
)
MISSING = Measure(
    "drift.missing_share",
    "Share of missing values",
    "share",
    Direction.LOWER_IS_BETTER,
    "The share of rows in which a column has no value.",
    (0, 1),
)
UNSEEN = Measure(
    "drift.unseen_share",
    "Share of unseen values",
    "share",
    Direction.LOWER_IS_BETTER,
    "The share of a category's values that the model was not made with.",
    (0, 1),
)
WEIGHTED = Measure(
    "drift.weighted",
    "Drift that matters",
    "share",
    Direction.LOWER_IS_BETTER,
    "The share of rows that moved, averaged over the features by their share in the model's decisions.",
    (0, 1),
)
LOCATION = Measure(
    "drift.location",
    "Where values lie",
    "score",
    Direction.NEUTRAL,
    "How far up among the usual values a batch's values lie on average: 0 is as usual, 1.7 all at the upper end.",
)
SPREAD = Measure(
    "drift.spread",
    "How values spread",
    "score",
    Direction.NEUTRAL,
    "Whether a batch's values lie further out among the usual ones than those do: 0 is as usual, above it further out.",
)
MIX = Measure(
    "drift.mix",
    "Mix of labels",
    "score",
    Direction.NEUTRAL,
    "How much more often than usual a batch has the more frequent of the usual labels.",
)

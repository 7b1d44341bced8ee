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
PLACE = Measure(
    "drift.place",
    "Where values lie",
    "sd",
    Direction.NEUTRAL,
    "How far up among the usual values a batch's values lie on average, in standard deviations of a usual row's rank; "
    "0 is as usual.",
)
WIDTH = Measure(
    "drift.width",
    "How far out values lie",
    "sd",
    Direction.NEUTRAL,
    "How far from the middle of the usual values a batch's values lie, beyond what goes with their place; 0 is as "
    "usual.",
)
COMMONNESS = Measure(
    "drift.commonness",
    "How common labels are",
    "sd",
    Direction.NEUTRAL,
    "How common the labels of a batch usually are; it falls where rare or new ones come more often. 0 is as usual.",
)
LABEL_SHARE = Measure(
    "drift.label_share",
    "How often a label comes",
    "sd",
    Direction.NEUTRAL,
    "How much more often than usual a label comes, in standard deviations of a usual row; 0 is as usual.",
)

"""What probes measure before a release and monitors measure after it, under one name, so that one limit judges both."""

from __future__ import annotations

from holdfast.domain.measure import Direction, Measure

AUC = Measure(
    "performance.auc",
    "Area under the ROC curve",
    "AUC",
    Direction.HIGHER_IS_BETTER,
    "The chance that a row of the class is scored above a row of another; 0.5 is guessing. Several classes: the mean "
    "over one class against the rest.",
    (0, 1),
)
ACCURACY = Measure(
    "performance.accuracy",
    "Accuracy",
    "share",
    Direction.HIGHER_IS_BETTER,
    "The share of decisions that agree with the label.",
    (0, 1),
)
BALANCED_ACCURACY = Measure(
    "performance.balanced_accuracy",
    "Balanced accuracy",
    "share",
    Direction.HIGHER_IS_BETTER,
    "The mean over classes of the share that is decided rightly; guessing gives one divided by the number of classes.",
    (0, 1),
)
GAIN_OVER_MAJORITY = Measure(
    "performance.gain_over_majority",
    "Gain over always giving the commonest answer",
    "share",
    Direction.HIGHER_IS_BETTER,
    "Accuracy minus the accuracy of always answering with the commonest class; 0 is no gain.",
    (-1, 1),
)
LOG_LOSS = Measure(
    "performance.log_loss",
    "Log loss",
    "nats",
    Direction.LOWER_IS_BETTER,
    "The mean surprise at the true class, by the scores; 0 is certainty that is always right.",
)
BRIER = Measure(
    "performance.brier",
    "Brier score",
    "squared error",
    Direction.LOWER_IS_BETTER,
    "The mean squared distance of all class scores from the truth (Brier 1950, so 2 at worst).",
    (0, 2),
)
BRIER_SKILL = Measure(
    "performance.brier_skill",
    "Brier skill",
    "share",
    Direction.HIGHER_IS_BETTER,
    "The share of the Brier score of always stating the class shares that the model takes away; 0 is no better.",
)
R2 = Measure(
    "performance.r2",
    "R²",
    "share",
    Direction.HIGHER_IS_BETTER,
    "The share of the squared error of always predicting the mean that the model takes away; 0 is no better.",
)
MAE = Measure(
    "performance.mae",
    "Mean absolute error",
    "units of the target",
    Direction.LOWER_IS_BETTER,
    "How far a prediction is off on average, in the target's own unit.",
)
CALIBRATION_ERROR = Measure(
    "performance.calibration_error",
    "Calibration error",
    "share",
    Direction.LOWER_IS_BETTER,
    "How far a stated probability typically is from how often the thing is true (root mean square, freed of sampling "
    "noise); 0 is honest.",
    (0, 1),
)
CALIBRATION_BIAS = Measure(
    "performance.calibration_bias",
    "Calibration in the large",
    "share",
    Direction.NEUTRAL,
    "How often the thing is true minus how often the model says so on average; 0 is right, below 0 it promises too "
    "much.",
    (-1, 1),
)
CALIBRATION_SLOPE = Measure(
    "performance.calibration_slope",
    "Calibration slope",
    "slope",
    Direction.NEUTRAL,
    "How much the log odds truly rise when the stated ones rise by 1; 1 is right, below 1 the model is too sure of "
    "itself.",
)
SELECTION_RATE = Measure(
    "fairness.selection_rate",
    "Selection rate",
    "share",
    Direction.NEUTRAL,
    "The share of a group that is given the favourable outcome.",
    (0, 1),
)
IMPACT_RATIO = Measure(
    "fairness.impact_ratio",
    "Impact ratio",
    "ratio",
    Direction.HIGHER_IS_BETTER,
    "A group's selection rate divided by that of the group with the highest one (6 RCNY § 5-300); 1 is equal. Below "
    "0.8 is generally regarded as evidence of adverse impact (29 CFR 1607.4(D)).",
    (0, 1),
)
PARITY_DIFFERENCE = Measure(
    "fairness.parity_difference",
    "Difference in how often an outcome is given",
    "share",
    Direction.LOWER_IS_BETTER,
    "How much less often a group is given an outcome than the group that is given it most often; 0 is equal.",
    (0, 1),
)
TPR_DIFFERENCE = Measure(
    "fairness.tpr_difference",
    "Difference in true positive rate",
    "share",
    Direction.LOWER_IS_BETTER,
    "Of those whose label is the outcome: how much less often a group is given it than the group that is given it most "
    "often (equal opportunity, Hardt et al. 2016); 0 is equal.",
    (0, 1),
)
FPR_DIFFERENCE = Measure(
    "fairness.fpr_difference",
    "Difference in false positive rate",
    "share",
    Direction.LOWER_IS_BETTER,
    "Of those whose label is another outcome: how much less often a group is given the favourable one all the same "
    "than the group that is given it most often; 0 is equal.",
    (0, 1),
)
CALIBRATION_GAP = Measure(
    "fairness.calibration_gap",
    "Calibration gap",
    "share",
    Direction.NEUTRAL,
    "How much more often the favourable outcome is true in a group than its scores say, minus the same for everyone "
    "else; 0 is equal, above 0 the model underrates the group.",
    (-2, 2),
)
MEAN_PREDICTION_GAP = Measure(
    "fairness.mean_prediction_gap",
    "Gap in mean prediction",
    "standard deviations",
    Direction.NEUTRAL,
    "A group's mean prediction minus that of everyone else, in standard deviations of the predictions; 0 is equal.",
)
MEAN_ERROR_GAP = Measure(
    "fairness.mean_error_gap",
    "Gap in mean error",
    "standard deviations",
    Direction.NEUTRAL,
    "A group's mean of label minus prediction, minus that of everyone else, in standard deviations of the labels; 0 is "
    "equal, above 0 the model underrates the group.",
)
TPR = Measure(
    "performance.tpr",
    "True positive rate",
    "share",
    Direction.HIGHER_IS_BETTER,
    "Of the rows whose label is the favourable class (else the last one), the share that is decided so.",
    (0, 1),
)
FPR = Measure(
    "performance.fpr",
    "False positive rate",
    "share",
    Direction.LOWER_IS_BETTER,
    "Of the rows whose label is another class, the share that is decided to be the favourable one (else the last).",
    (0, 1),
)
RMSE = Measure(
    "performance.rmse",
    "Root mean squared error",
    "units of the target",
    Direction.LOWER_IS_BETTER,
    "How far a prediction is typically off, where large errors count more, in the target's own unit.",
)
MEAN_ERROR = Measure(
    "performance.mean_error",
    "Mean error",
    "units of the target",
    Direction.NEUTRAL,
    "By how much predictions are too high on average, in the target's own unit; 0 is right, below 0 they are too low.",
)
SELECTION_GAP = Measure(
    "fairness.selection_gap",
    "Gap in selection rate",
    "share",
    Direction.NEUTRAL,
    "How often a group is given the favourable outcome, minus how often everyone else is; 0 is equal.",
    (-1, 1),
)

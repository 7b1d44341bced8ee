"""The findings of the decision-based attack, in words for a person who decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.datasets.constraints import ConstraintSet
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.probes.evasion._single import Sweep
from holdfast.probes.evasion._words import Flip, exhibit, replay, sentence

Mask = NDArray[np.bool_]

CATALOGUE = ("ATLAS:AML.T0015", "ATLAS:AML.T0043.001", "OWASP:ML01", "NISTAML.022", "NISTAML.025")


def small_change(flips: list[Flip], small: Mask, constraints: ConstraintSet, seed: int) -> Finding:
    """Changes too small to matter turn most decisions. `small` (n,) marks those turned."""
    middle = flips[len(flips) // 2]
    return Finding(
        slug="cheap-flip",
        title="Changes too small to matter turn most decisions",
        sentence=f"{sentence(middle, constraints)}; changes that pass fewer than 2 % of people turn {small.sum()} of "
        f"{len(small)} decisions.",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        why="A search that sees decisions only found, within the constraints, changes that move the case past no more "
        "than 2 % of people in total. Each was replayed on the model. In ordinary models such changes turn "
        "0 to 25 % of refusals; here they turn more than half, so the model reacts to noise.",
        remedy="Smooth the model: fewer and larger leaves, monotone constraints where the direction is known, or an "
        "average over several training runs. Check the features above for fine thresholds, then check again.",
        reproduce=replay(middle, constraints, seed),
        where=_where(middle, constraints),
        measures=("evasion.small_change_flip_rate", "evasion.median_shift"),
        catalogue=CATALOGUE,
        exhibits=(exhibit("Typical changes that turn a decision", flips, constraints),),
    )


def one_feature(flips: list[Flip], one: Sweep, constraints: ConstraintSet, seed: int) -> Finding:
    """One feature turns most decisions although the outcomes do not depend on it."""
    middle = flips[len(flips) // 2]
    return Finding(
        slug="cheap-flip",
        title=f"One feature that outcomes do not depend on turns most decisions: {one.name}",
        sentence=f"{sentence(middle, constraints)}; {one.name} alone turns {one.flipped.sum()} of {len(one.flipped)} "
        "decisions, yet it says nothing about the outcome.",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        why=f"Setting {one.name} alone to values that other people have turns most decisions. Shuffling it among "
        "people changes many answers and makes them no worse on labelled data: of the changed answers, fewer "
        "than 62 % were right before. The model leans on a feature that anyone can set and that predicts nothing.",
        remedy=f"Find out how {one.name} came to matter (a pilot, a leak, poisoned labels in the training data), then "
        "retrain without it. If people cannot change it, say so in the manifest: `immutable: true`.",
        reproduce=replay(middle, constraints, seed),
        where=one.name,
        measures=("evasion.immaterial_feature_flip_rate", "evasion.one_feature_flip_rate"),
        catalogue=CATALOGUE,
        exhibits=(exhibit(f"Decisions that {one.name} turns", flips, constraints),),
    )


def nearest_flip(flips: list[Flip], flipped: Mask, constraints: ConstraintSet, seed: int) -> Finding:
    """What crossing the boundary takes: told of every model, judged of none."""
    middle = flips[len(flips) // 2]
    return Finding(
        slug="nearest-flip",
        title="What it takes to turn a decision",
        sentence=f"{sentence(middle, constraints)}; a change within the constraints was found for {flipped.sum()} of "
        f"{len(flipped)} decisions, and this one is of middling size.",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        why="Every model has a boundary. This is what crossing it takes, found by a search that sees decisions only; "
        "each change was replayed on the model and keeps every constraint of the manifest.",
        remedy="Ask of each changed feature: who can set it, what does that cost, and would anybody notice? Verify "
        "those that are easy to misstate, and state constraints and costs in the manifest.",
        reproduce=replay(middle, constraints, seed),
        where=_where(middle, constraints),
        measures=("evasion.flip_rate", "evasion.median_distance"),
        catalogue=CATALOGUE,
        exhibits=(exhibit("Typical changes that turn a decision", flips, constraints),),
    )


def too_few() -> Finding:
    """Nothing could be attacked."""
    return _note(
        "too-few-rows",
        "Too few decisions to attack",
        "Fewer than five decisions could be attacked, or the model answers every row alike.",
        "Give a larger test table, with decisions of more than one kind.",
    )


def nothing_free() -> Finding:
    """Nothing may change."""
    return _note(
        "nothing-to-change",
        "No feature can change",
        "Every feature is declared immutable or derived, so nobody can turn a decision by changing a row.",
        "Check `immutable` in the manifest if that surprises you.",
    )


def _where(flip: Flip, constraints: ConstraintSet) -> str:
    moved = constraints.steps(flip.after[None], flip.before[None])[0] > 0
    return ", ".join(np.array(constraints.schema.names)[moved & ~constraints.derived][:5])


def _note(slug: str, title: str, words: str, remedy: str) -> Finding:
    return Finding(slug, title, words, Severity.INFO, Confidence.HIGH, "The attack did not run.", remedy)

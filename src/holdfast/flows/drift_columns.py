"""Drift: one column of two tables in the same bins; one of texts as their lengths, languages and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from holdfast.datasets.columns import Columns, Reads, lengths, numbers, reads, sampled_texts, tally
from holdfast.domain.drift import Unlike, Vocabulary, WordShift
from holdfast.domain.profile import Bins, Counts
from holdfast.monitors import profiling
from holdfast.text.languages import language_among, words_of
from holdfast.text.vocabulary import Shift, compare, terms_of

TEXT_LABELS = 50
"""A column of more labels than this, most of which occur once, is text: its lengths are compared."""

MOST_TEXTS = 10_000
"""Texts of each table whose words are read."""

FEWEST_TEXTS, PROSE = 20, 3
"""Texts of each table, and words that most of them have, where languages and words are compared at all: codes and
names have neither.
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """The column `name` of both tables in the same bins; of texts what `bins` is called after. `is_of_sample` where not
    all texts were read.
    """

    name: str
    bins: Bins
    reference: Counts
    current: Counts
    unseen: float | None = None
    vocabulary: Vocabulary | None = None
    is_of_sample: bool = False


def paired(
    name: str, first: Columns, second: Columns, rng: np.random.Generator, *, is_asked: bool
) -> list[Pair] | Unlike:
    """The column in the bins of the reference, or why it cannot be compared. One of the two is in memory at a time, but
    for samples of texts.
    """
    column = first.get(name)
    how, rows = reads(column), first.rows
    if how is None:
        return Unlike(name, f"it holds {column.type}, which is neither numbers nor labels", is_change=False)
    if how is Reads.TIME and not is_asked:
        return Unlike(name, "times move on by themselves; name it to compare it all the same", is_change=False)
    is_empty = column.null_count == rows
    seen = tally(column) if how is Reads.LABEL else ({}, 0)
    is_text = how is Reads.LABEL and len(seen[0]) > max(TEXT_LABELS, rows // 2)
    texts = sampled_texts(column, MOST_TEXTS, rng) if is_text else []
    if how is not Reads.LABEL or is_text:
        values = lengths(column) if is_text else numbers(column)
        bins = profiling.number_bins(f"length of {name}" if is_text else name, values)
        reference = profiling.number_counts(bins, values)
        del values
    else:
        bins = profiling.label_bins(name, seen[0])
        reference = profiling.label_counts(bins, *seen)
    del column
    column = second.get(name)
    if is_empty and column.null_count == second.rows:
        return Unlike(name, "it has no value in either table", is_change=False)
    if reads(column) is not how and not is_empty and column.null_count < second.rows:
        return Unlike(name, f"it held {_plural(how)} and holds {column.type} now", is_change=True)
    if how is not Reads.LABEL or is_text:
        current = profiling.number_counts(bins, lengths(column) if is_text else numbers(column))
        words = _texts(name, texts, sampled_texts(column, MOST_TEXTS, rng), rng) if is_text else ()
        return [Pair(name, bins, reference, current), *words]
    now, missing = tally(column)
    strange = sum(count for label, count in now.items() if label not in seen[0])
    current = profiling.label_counts(bins, now, missing)
    return [Pair(name, bins, reference, current, strange / max(1, sum(now.values())))]


def _plural(how: Reads) -> str:
    return {Reads.NUMBER: "numbers", Reads.TIME: "times"}.get(how, "labels")


def _texts(name: str, first: list[str], second: list[str], rng: np.random.Generator) -> Iterator[Pair]:
    """Languages and words of samples of texts; nothing of what is no prose."""
    then, now = ([words_of(text) for text in texts] for texts in (first, second))
    if min(len(then), len(now)) < FEWEST_TEXTS or np.median([len(words) for words in then]) < PROSE:
        return
    tallies = [Counter(map(language_among, texts)) for texts in (then, now)]
    bins = profiling.label_bins(f"language of {name}", tallies[0] + tallies[1])
    reference, current = (profiling.label_counts(bins, seen, 0) for seen in tallies)
    yield Pair(name, bins, reference, current, _strange(*tallies), is_of_sample=True)
    found = compare([terms_of(words) for words in then], [terms_of(words) for words in now], rng)
    bins = profiling.number_bins(f"vocabulary of {name}", found.then)
    reference, current = (
        profiling.number_counts(bins, values[~np.isnan(values)]) for values in (found.then, found.now)
    )
    told = Vocabulary(found.unseen_then, found.unseen, tuple(map(_shift, found.came)), tuple(map(_shift, found.went)))
    yield Pair(name, bins, reference, current, vocabulary=told, is_of_sample=True)


def _strange(then: Mapping[str, int], now: Mapping[str, int]) -> float:
    return sum(count for language, count in now.items() if language not in then) / max(1, sum(now.values()))


def _shift(one: Shift) -> WordShift:
    return WordShift(one.word, one.then, one.now)

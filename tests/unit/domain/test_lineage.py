"""Lineage: complete only where every way back ends at something that somebody attested."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.lineage import Origin, trace
from holdfast.domain.provenance import Artifact, Role, Seen, Source
from holdfast.testing.pipelines import sample_provenance

NAMES = "abcdefgh"


def step(id, inputs, outputs, *, code=0, role=Role.DATA, gaps=()):
    read = tuple(Artifact(name, name, Seen.OPENED, role) for name in inputs)
    made = tuple(Artifact(name, name, Seen.CHANGED) for name in outputs)
    return replace(sample_provenance(), id=str(id), inputs=read, outputs=made, exit_code=code, gaps=gaps)


def source(name):
    return Source(name, name, "the bank's warehouse", "internal", "mara", "2026-11-24T09:00:00Z")


digests = st.sampled_from(NAMES)
some = st.lists(digests, max_size=3, unique=True)
kinds = st.sampled_from([(0, ()), (0, ()), (0, ()), (1, ()), (0, ("Read elsewhere.",))])
pipelines = st.lists(st.tuples(some, some.filter(bool), kinds), max_size=8).map(
    lambda drawn: [step(i, read, made, code=code, gaps=gaps) for i, (read, made, (code, gaps)) in enumerate(drawn)]
)
attested = st.sets(digests, max_size=4).map(lambda names: [source(name) for name in sorted(names)])


def grounded_by_definition(root, steps, sources, seen=frozenset()):
    """The rule as its sentence says it, by search: a way back that uses no digest twice."""
    if root in {s.digest for s in sources}:
        return True
    return root not in seen and any(
        s.succeeded
        and s.data
        and not s.gaps
        and all(grounded_by_definition(a.digest, steps, sources, seen | {root}) for a in s.data)
        for s in steps
        if root in {output.digest for output in s.outputs}
    )


@given(digests, pipelines, attested)
def test_every_link_is_what_the_rule_says(root, steps, sources):
    for link in trace(root, steps, sources).links:
        assert (link.origin is not Origin.BROKEN) == bool(grounded_by_definition(link.digest, steps, sources))
        assert bool(link.because) == (link.origin is Origin.BROKEN)


@given(digests, pipelines, attested, st.randoms())
def test_the_order_of_records_does_not_matter(root, steps, sources, shuffle: random.Random):
    before = trace(root, steps, sources)
    shuffle.shuffle(steps)
    shuffle.shuffle(sources)
    assert trace(root, steps, sources).links == before.links


@given(digests, pipelines, attested, digests)
def test_attesting_more_never_breaks_a_link(root, steps, sources, more):
    before = {link.digest for link in trace(root, steps, sources).broken}
    assert {link.digest for link in trace(root, steps, [*sources, source(more)]).broken} <= before


@given(digests, pipelines)
def test_nothing_is_complete_without_a_source(root, steps):
    assert not trace(root, steps, []).is_complete


@given(pipelines, attested)
def test_a_digest_that_nobody_made_or_attested_is_broken(steps, sources):
    lineage = trace("unknown", steps, sources)
    assert [link.origin for link in lineage.links] == [Origin.BROKEN]
    assert "No recorded step" in lineage.links[0].because


def test_a_chain_from_model_to_raw_data():
    chain = [step(1, "a", "b"), step(2, "b", "c")]
    lineage = trace("c", chain, [source("a")])
    assert [(link.digest, link.origin) for link in lineage.links] == [("c", "made"), ("b", "made"), ("a", "source")]
    broken = trace("c", chain[1:], [source("a")])
    assert [link.digest for link in broken.broken] == ["c", "b"]
    assert broken.broken[1].because.startswith("No recorded step")


def test_a_circle_grounds_nothing_and_a_failed_step_neither():
    assert not trace("a", [step(1, "a", "b"), step(2, "b", "a")], []).is_complete
    failed = trace("b", [step(1, "a", "b", code=3)], [source("a")])
    assert "exit code 3" in failed.broken[0].because


def test_a_step_into_which_more_went_than_is_known_grounds_nothing():
    lineage = trace("b", [step(1, "a", "b", gaps=("Read elsewhere.",))], [source("a")])
    assert "Read elsewhere." in lineage.broken[0].because


def test_a_step_that_read_no_data_grounds_nothing():
    lineage = trace("b", [step(1, "a", "b", role=Role.CODE)], [source("a")])
    assert "read no data" in lineage.broken[0].because


def test_code_that_differs_from_its_revision_is_a_remark():
    assert "differed from its revision" in trace("b", [step(1, "a", "b")], [source("a")]).links[0].remarks[0]

"""The main trip: from a manifest to a verdict that anyone can verify.

digests → artefact scan (before anything is loaded) → plan → probes side by side → sealed evidence → verdict → ledger →
reports. What a probe found is kept by the digests of all that it depends on, so an interrupted run goes on where it was
and an unchanged release is not attacked twice.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata

from holdfast import canonical
from holdfast.compute import side_by_side
from holdfast.domain.evidence import Done, Environment, Evidence
from holdfast.domain.run import Receipt, Run
from holdfast.domain.verdict import judge, timestamp
from holdfast.domain.watch import Baseline
from holdfast.flows.attack import Attack, Request, TableAttack, Watcher, card, choose, job_memory
from holdfast.flows.attack_chat import ChatAttack
from holdfast.flows.seal import SEALED, seal_run
from holdfast.ledger.bundle import BASELINE, PROOF, ledger_entry, same_verdict
from holdfast.ledger.envelope import seal
from holdfast.monitors.contract import MonitorSpec
from holdfast.ports import Cache, Clock, Ledger, Signer
from holdfast.probes.contract import ProbeSpec
from holdfast.releases.chat import read_chat
from holdfast.settings import Settings
from holdfast.storage.runs import RECORD, RunFolders
from holdfast.version import __version__

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "joblib",
    "xgboost",
    "lightgbm",
    "onnxruntime",
    "skops",
    "httpx",
)

Renderer = Callable[[Run], bytes]


@dataclass(frozen=True)
class House:
    """What the trip needs from outside; `holdfast.wiring` builds it. `renderers` maps a report's file name to it."""

    settings: Settings
    clock: Clock
    signer: Signer
    ledger: Ledger
    cache: Cache
    runs: RunFolders
    probes: tuple[ProbeSpec, ...]
    monitors: tuple[MonitorSpec, ...]
    renderers: Mapping[str, Renderer]


def check(request: Request, house: House, watcher: Watcher) -> Run:
    """Take the whole trip. The returned run lies complete in its folder and stands in the ledger."""
    is_chat = request.release.is_chat
    attack = (ChatAttack if is_chat else TableAttack)(
        request=request,
        settings=house.settings,
        clock=house.clock,
        cache=house.cache,
        watcher=watcher,
        probes=choose(request, house.probes),
        materials=read_chat(request.release).materials if is_chat else request.release.materials(),
    )
    evidence = _gather(attack, house)
    baseline = None if request.only else attack.baseline(house.monitors)
    watcher.doing("judging and sealing")
    return _commit(_judged(evidence, request, house), baseline, house, watcher)


def _gather(attack: Attack, house: House) -> Evidence:
    """All outcomes as one record. Its time is that of its oldest measurement."""
    timed = list(attack.outcomes())
    times = [t.taken_at for t in timed if isinstance(t.outcome, Done)]
    outcomes = tuple(sorted((t.outcome for t in timed), key=lambda outcome: outcome.probe))
    seen = {m.measure for outcome in outcomes if isinstance(outcome, Done) for m in outcome.measurements}
    manifest = attack.request.release.manifest
    return Evidence(
        system=manifest.system.name,
        release=attack.digest,
        materials=attack.materials,
        schema=attack.schema,
        probes=tuple(card(spec) for spec in attack.probes),
        outcomes=outcomes,
        measures=tuple(measure for spec in attack.probes for measure in spec.measures if measure.id in seen),
        environment=_environment(attack, house),
        effort=attack.request.effort,
        seed=manifest.seed,
        taken_at=min(times, default=timestamp(house.clock())),
        task=attack.task if attack.schema is None else None,
    )


def _environment(attack: Attack, house: House) -> Environment:
    versions = []
    for name in PACKAGES:
        try:
            versions.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return Environment(
        holdfast=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages=tuple(versions),
        protections=attack.known.protections,
        workers=side_by_side(house.settings, job_memory(attack.probes)),
        memory_mb=house.settings.memory_mb,
    )


def _judged(evidence: Evidence, request: Request, house: House) -> Run:
    """The evidence held against the appetite, now."""
    system = request.release.manifest.system.record()
    digest = canonical.digest(evidence)
    verdict = judge(
        evidence,
        request.appetite,
        tier=system.tier,
        now=house.clock(),
        use_case=system.use_case,
        evidence_digest=digest,
        appetite_digest=canonical.digest(request.appetite),
    )
    return Run(
        id=digest.removeprefix("sha256:")[:12],
        system=system,
        evidence=evidence,
        evidence_digest=digest,
        appetite=request.appetite,
        verdict=verdict,
        key=house.signer.public_bytes().hex(),
    )


def _commit(run: Run, baseline: Baseline | None, house: House, watcher: Watcher) -> Run:
    """Enter the verdict in the ledger, then publish the run's folder; a folder that says the same is left as it is."""
    sealed = {} if baseline is None else {BASELINE: seal(baseline, house.signer)}
    index = house.ledger.append([ledger_entry(run.verdict)])[0]
    size, root = house.ledger.head()
    run = replace(run, receipt=Receipt(origin=house.ledger.origin, index=index, size=size, root=root))
    run = replace(run, files=tuple((name, name) for name in (*house.renderers, *SEALED, *sealed)))
    if _stands(run, sealed, house):
        return run
    watcher.doing("writing the reports")
    files = {name: render(run) for name, render in house.renderers.items()}
    files |= seal_run(run, house.signer) | sealed | {PROOF: house.ledger.proof(index), RECORD: canonical.encode(run)}
    house.runs.save(run.id, files)
    return run


def _stands(run: Run, sealed: Mapping[str, bytes], house: House) -> bool:
    """Whether the run already lies in its folder with the same verdict for the same reasons, and the same baseline."""
    if any(house.runs.read(run.id, name) != data for name, data in sealed.items()):
        return False
    record = house.runs.read(run.id, RECORD)
    if record is None:
        return False
    earlier = canonical.decode(Run, record)
    return same_verdict(earlier.verdict, run.verdict) and earlier.key == run.key and earlier.system == run.system

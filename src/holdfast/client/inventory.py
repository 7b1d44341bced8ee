"""What there is: systems, their classification, releases, evidence and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.client.transport import Transport, segment
from holdfast.domain.act import Kept, Page
from holdfast.domain.appetite import Tier
from holdfast.domain.classification import Classification, Questionnaire
from holdfast.domain.dataset import DatasetVersion, PromptVersion
from holdfast.domain.evidence import Material
from holdfast.domain.kinds import Filed
from holdfast.domain.lineage import FiledOutput, FiledSource, FiledStep, Traced
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.domain.verdict import Verdict


class Inventory(Transport):
    """Systems and what is known of them. Lists take the filters of the API: system, about, state, text, sort, …"""

    def list_systems(self, **filters: Any) -> Page[System]:
        """The inventory."""
        return self._get(Page[System], "/systems", **filters)

    def show_system(self, name: str) -> Kept[System]:
        """One system."""
        return self._get(Kept[System], f"/systems/{segment(name)}")

    def system_history(self, name: str) -> tuple[Kept[System], ...]:
        """Every revision of a system, the first one first."""
        return self._get(tuple[Kept[System], ...], f"/systems/{segment(name)}/history")

    def register_system(self, system: System) -> Kept[System]:
        """Enter a system. Its tier is high until it is classified."""
        return self._send_record(Kept[System], "/systems", system)

    def change_system(self, name: str, system: System, revision: int) -> Kept[System]:
        """Change what is said of a system, as it stood at `revision`."""
        path = f"/systems/{segment(name)}"
        return self._make(Kept[System], path, method="PUT", system=system, revision=revision)

    def list_questionnaires(self) -> tuple[Questionnaire, ...]:
        """Every regime's questions and rules."""
        return self._get(tuple[Questionnaire, ...], "/questionnaires")

    def show_questionnaire(self, regime: str) -> Questionnaire:
        """One regime's questions and rules."""
        return self._get(Questionnaire, f"/questionnaires/{segment(regime)}")

    def list_classifications(self, **filters: Any) -> Page[Classification]:
        """What the answers make of each system."""
        return self._get(Page[Classification], "/classifications", **filters)

    def show_classification(self, name: str, regime: str) -> Kept[Classification]:
        """A system's answers under one regime."""
        return self._get(Kept[Classification], _classification(name, regime))

    def classify(self, name: str, regime: str, answers: Mapping[str, bool]) -> Kept[Classification]:
        """Answer a questionnaire: yes or no by the question's id."""
        path = _classification(name, regime)
        return self._make(Kept[Classification], path, method="PUT", answers=answers)

    def override(self, name: str, regime: str, tier: Tier, *, reason: str) -> Kept[Classification]:
        """Set a tier against the questionnaire."""
        path = f"{_classification(name, regime)}/override"
        return self._make(Kept[Classification], path, tier=tier, reason=reason)

    def list_releases(self, **filters: Any) -> Page[Release]:
        """Releases; `about` is the digest of a model."""
        return self._get(Page[Release], "/releases", **filters)

    def show_release(self, digest: str) -> Kept[Release]:
        """One release."""
        return self._get(Kept[Release], f"/releases/{segment(digest)}")

    def release_history(self, digest: str) -> tuple[Kept[Release], ...]:
        """Every revision of a release, the first one first."""
        return self._get(tuple[Kept[Release], ...], f"/releases/{segment(digest)}/history")

    def register_release(
        self,
        system: str,
        version: str,
        materials: tuple[Material, ...],
        *,
        authors: tuple[str, ...] = (),
        source: str = "api",
        parent: str = "",
    ) -> Kept[Release]:
        """Enter a release; its digest follows from its system and materials."""
        said: dict[str, Any] = {"system": system, "version": version, "materials": materials}
        more: dict[str, Any] = {"authors": authors, "source": source, "parent": parent}
        return self._make(Kept[Release], "/releases", **said, **more)

    def show_lineage(self, digest: str) -> Traced:
        """Where a release comes from, file by file to the sources, and where that breaks."""
        return self._get(Traced, f"/releases/{segment(digest)}/lineage")

    def list_evidence(self, **filters: Any) -> Page[Filed]:
        """What is filed; `about` is the digest of a release."""
        return self._get(Page[Filed], "/evidence", **filters)

    def show_evidence(self, digest: str) -> Kept[Filed]:
        """How one evidence is filed."""
        return self._get(Kept[Filed], f"/evidence/{segment(digest)}")

    def show_envelope(self, digest: str) -> bytes:
        """The sealed evidence itself, byte for byte."""
        return self._raw(f"/evidence/{segment(digest)}/envelope")

    def submit_evidence(self, envelope: bytes, sealer: str, version: str) -> Kept[Verdict]:
        """File a run's evidence.json; the verdict on it there. `sealer` is the key that sealed it, in hex."""
        said = {"envelope": envelope.decode(), "sealer": sealer, "version": version}
        return self._make(Kept[Verdict], "/evidence", **said)

    def list_verdicts(self, **filters: Any) -> Page[Verdict]:
        """Verdicts as they were given; `about` is the digest of a release, `state` the outcome."""
        return self._get(Page[Verdict], "/verdicts", **filters)

    def show_verdict(self, digest: str) -> Kept[Verdict]:
        """One verdict, with all its reasons."""
        return self._get(Kept[Verdict], f"/verdicts/{segment(digest)}")

    def list_datasets(self, **filters: Any) -> Page[DatasetVersion]:
        """Versions of data sets; `about` is the digest of a table."""
        return self._get(Page[DatasetVersion], "/datasets", **filters)

    def register_dataset(self, envelope: bytes, sealer: str, version: str, parent: str = "") -> Kept[DatasetVersion]:
        """Enter what `holdfast data admit` sealed. `sealer` is the key that sealed it, in hex."""
        said = {"envelope": envelope.decode(), "sealer": sealer, "version": version, "parent": parent}
        return self._make(Kept[DatasetVersion], "/datasets", **said)

    def show_dataset(self, name: str, version: str) -> Kept[DatasetVersion]:
        """One version of a data set."""
        return self._get(Kept[DatasetVersion], f"/datasets/{segment(name)}/{segment(version)}")

    def list_steps(self, **filters: Any) -> Page[FiledStep]:
        """Recorded steps; `state` is succeeded or failed."""
        return self._get(Page[FiledStep], "/steps", **filters)

    def file_step(self, envelope: bytes, sealer: str) -> Kept[FiledStep]:
        """File what `holdfast record` sealed. `sealer` is the key that sealed it, in hex."""
        return self._make(Kept[FiledStep], "/steps", envelope=envelope.decode(), sealer=sealer)

    def show_step(self, key: str) -> Kept[FiledStep]:
        """One recorded step."""
        return self._get(Kept[FiledStep], f"/steps/{segment(key)}")

    def show_step_envelope(self, key: str) -> bytes:
        """The sealed provenance itself, byte for byte."""
        return self._raw(f"/steps/{segment(key)}/envelope")

    def list_outputs(self, **filters: Any) -> Page[FiledOutput]:
        """Files that recorded steps made; `about` is the digest of one."""
        return self._get(Page[FiledOutput], "/outputs", **filters)

    def list_sources(self, **filters: Any) -> Page[FiledSource]:
        """Attested sources; `about` is the digest of a file."""
        return self._get(Page[FiledSource], "/sources", **filters)

    def file_source(self, envelope: bytes, sealer: str) -> Kept[FiledSource]:
        """File what `holdfast data attest` sealed. `sealer` is the key that sealed it, in hex."""
        return self._make(Kept[FiledSource], "/sources", envelope=envelope.decode(), sealer=sealer)

    def list_prompts(self, **filters: Any) -> Page[PromptVersion]:
        """Versions of prompts."""
        return self._get(Page[PromptVersion], "/prompts", **filters)

    def register_prompt(self, name: str, version: str, text: str, parent: str = "") -> Kept[PromptVersion]:
        """Enter a prompt."""
        return self._make(Kept[PromptVersion], "/prompts", name=name, version=version, text=text, parent=parent)

    def show_prompt(self, name: str, version: str) -> Kept[PromptVersion]:
        """One version of a prompt."""
        return self._get(Kept[PromptVersion], f"/prompts/{segment(name)}/{segment(version)}")

    def read_prompt(self, name: str, version: str) -> bytes:
        """The prompt itself, byte for byte."""
        return self._raw(f"/prompts/{segment(name)}/{segment(version)}/text")


def _classification(name: str, regime: str) -> str:
    return f"/systems/{segment(name)}/classifications/{segment(regime)}"

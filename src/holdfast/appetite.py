"""Appetite documents: limits in YAML, and the default that ships with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, model_validator

from holdfast.documents import Section, parse_document, read_text
from holdfast.domain.appetite import LIMITABLE, LONGEST_EVIDENCE, Appetite, Basis, Limit, Tier
from holdfast.domain.schema import TABULAR, Task

DEFAULT = "default_appetite.yaml"


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class LimitSection(Section):
    """One limit."""

    measure: str
    at_most: float | None = None
    at_least: float | None = None
    basis: Basis = Basis.ESTIMATE
    sample: int = Field(default=1, ge=0)
    scope: dict[str, str | int | float | bool] = {}
    tiers: Annotated[list[Tier], BeforeValidator(_one_or_more)] = list(LIMITABLE)
    use_cases: Annotated[list[str], BeforeValidator(_one_or_more)] = []
    tasks: Annotated[list[Task], BeforeValidator(_one_or_more)] = list(TABULAR)
    why: str = Field(min_length=1)
    owner: str = ""
    required: bool = True
    warn_within: float = Field(default=0, ge=0)
    requires: str = ""
    waivable: bool = True

    @model_validator(mode="after")
    def _bounded(self) -> LimitSection:
        if self.at_most is None and self.at_least is None:
            raise ValueError("a limit needs `at_most` or `at_least`")
        return self

    def record(self) -> Limit:
        """The domain record."""
        return Limit(
            measure=self.measure,
            why=self.why,
            minimum=self.at_least,
            maximum=self.at_most,
            basis=self.basis,
            sample=self.sample,
            scope=tuple(sorted((name, str(value)) for name, value in self.scope.items())),
            tiers=tuple(self.tiers),
            use_cases=tuple(self.use_cases),
            tasks=tuple(self.tasks),
            owner=self.owner,
            required=self.required,
            warn_within=self.warn_within,
            requires=self.requires,
            waivable=self.waivable,
        )


class AppetiteDocument(Section):
    """The whole document."""

    name: str
    version: str
    approved_by: str
    evidence_days: int = Field(default=90, ge=1, le=LONGEST_EVIDENCE)
    limits: list[LimitSection] = []

    def record(self) -> Appetite:
        """The domain record."""
        return Appetite(
            name=self.name,
            version=self.version,
            approved_by=self.approved_by,
            limits=tuple(limit.record() for limit in self.limits),
            evidence_days=self.evidence_days,
        )


def parse_appetite(text: str, name: str = "The appetite") -> Appetite:
    """The appetite in a YAML text; `name` is what errors call it."""
    return parse_document(text, AppetiteDocument, name).record()


def write_appetite(appetite: Appetite) -> str:
    """The YAML text that `parse_appetite` reads back as the same appetite; what is as by default is left out."""
    head = {"name": appetite.name, "version": appetite.version, "approved_by": appetite.approved_by}
    limits = [_limit(limit) for limit in appetite.limits]
    content = {**head, "evidence_days": appetite.evidence_days, "limits": limits}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _limit(limit: Limit) -> dict[str, Any]:
    section = LimitSection(
        measure=limit.measure,
        at_most=limit.maximum,
        at_least=limit.minimum,
        basis=limit.basis,
        sample=limit.sample,
        scope=dict(limit.scope),
        tiers=list(limit.tiers),
        use_cases=list(limit.use_cases),
        tasks=list(limit.tasks),
        why=limit.why,
        owner=limit.owner,
        required=limit.required,
        warn_within=limit.warn_within,
        requires=limit.requires,
        waivable=limit.waivable,
    )
    return section.model_dump(mode="json", exclude_defaults=True)


def read_appetite(path: Path | None) -> Appetite:
    """The appetite in the YAML file at `path`; the default that ships with the package where `path` is None."""
    if path is None:
        text = files("holdfast").joinpath(DEFAULT).read_text(encoding="utf-8")
        return parse_document(text, AppetiteDocument, DEFAULT).record()
    return parse_document(read_text(path), AppetiteDocument, path.name).record()

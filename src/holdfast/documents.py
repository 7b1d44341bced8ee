"""Documents that people write in YAML: read, checked against a pydantic model, with errors that name line and fix."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from holdfast.domain.errors import FixInput

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_BYTES = 4_000_000


class Section(BaseModel):
    """A part of a document: unknown keys are errors, values are never mutated."""

    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=Section)


def read_document(path: Path, kind: type[M]) -> M:
    """The document at `path` as a `kind`; FixInput with the line of the first mistake, and what to write instead."""
    return parse_document(read_text(path), kind, path.name)


def read_text(path: Path) -> str:
    """The UTF-8 text of a small file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FixInput(
                "document.too-large", f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB.", "Is it data?"
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        hint = "Run `holdfast init MODEL TABLE` to write one."
        raise FixInput("document.absent", f"There is no {path}.", hint) from error
    except UnicodeDecodeError as error:
        raise FixInput("document.not-utf8", f"{path.name} is not UTF-8 text.", "Save it as UTF-8.") from error
    except OSError as error:
        raise FixInput("document.unreadable", f"{path} cannot be read: {error.strerror}.", "Check the path.") from error


def parse_document(text: str, kind: type[M], name: str) -> M:
    """The document in `text` as a `kind`; `name` is what errors call it."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FixInput("document.not-yaml", f"{name}{_mark(error)} is not valid YAML.", _problem(error)) from error
    except RecursionError as error:
        raise FixInput("document.too-deep", f"{name} is nested too deeply.", "Write it flat.") from error
    if not isinstance(content, dict):
        raise FixInput(
            "document.not-a-mapping", f"{name} holds no `key: value` lines.", "See docs/reference/manifest.md."
        )
    return check_content(content, kind, name, node)


def check_content(content: Mapping[Any, Any], kind: type[M], name: str, node: yaml.Node | None = None) -> M:
    """What a document says, as a `kind`; `node` gives errors their lines."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        # A misspelt key also leaves the right one missing: the misspelling is what to mend.
        first = min(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        raise _explained(first, node, kind, name) from error


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" line {mark.line + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or "The text cannot be read"
    return f"{problem[0].upper()}{problem[1:]}."


def _explained(detail: ErrorDetails, node: yaml.Node | None, kind: type[BaseModel], name: str) -> FixInput:
    """A validation error in words, with the line where it stands."""
    keys = [part for part in detail["loc"] if not (isinstance(part, str) and part.startswith(("function-", "tagged-")))]
    where = ".".join(str(key) for key in keys)
    line = _line_of(node, keys)
    if detail["type"] == "extra_forbidden":
        return FixInput("document.unknown-key", f"{name} line {line}: `{where}` is not known.", _suggest(kind, keys))
    if detail["type"] == "missing":
        return FixInput(
            "document.missing-key", f"{name} line {line}: `{where}` is missing.", f"Add `{keys[-1]}:` there."
        )
    message = detail["msg"].removeprefix("Value error, ")
    return FixInput(
        "document.wrong-value", f"{name} line {line}: `{where}`: {message}.", f"Found {detail['input']!r:.60}."
    )


def _line_of(node: yaml.Node | None, keys: list[Any]) -> int:
    """The 1-based line of the deepest node that `keys` reach."""
    line = node.start_mark.line + 1 if node else 1
    for key in keys:
        child = _child(node, key)
        if child is None:
            break
        line, node = child
    return line


def _child(node: yaml.Node | None, key: Any) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None


def _suggest(kind: type[BaseModel], keys: list[Any]) -> str:
    """The keys that are allowed where an unknown one was found, nearest first."""
    allowed = _fields_at(kind, keys[:-1])
    near = difflib.get_close_matches(str(keys[-1]), allowed, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Allowed here: {', '.join(allowed)}."


def _fields_at(kind: type[BaseModel], keys: list[Any]) -> list[str]:
    current: Any = kind
    for key in keys:
        field = current.model_fields.get(key) if _is_section(current) else None
        if field is not None:
            current = _section_in(field.annotation)
    return list(current.model_fields) if _is_section(current) else []


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _section_in(annotation: Any) -> Any:
    """The first section inside an annotation such as ``dict[str, Column] | None``."""
    if _is_section(annotation):
        return annotation
    for inner in get_args(annotation):
        found = _section_in(inner)
        if found is not None:
            return found
    return None

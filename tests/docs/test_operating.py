"""The page on operating a gateway says what is there: its documents are taken, and every count that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.documents import parse_document
from holdfast.gateway.setup.document import GatewayDocument

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/operate-a-gateway.md").read_text()
LEAST = """\
holdfast: 1
environment: production
control_plane: {url: "https://h.example", key: k}
systems: [{system: s, name: s, reference: r.json, releases: [{release: "sha256:%s", model: m}]}]
"""


def test_its_document_is_one_that_a_gateway_takes():
    (part,) = re.findall(r"```yaml\n(observe:.*?)```", PAGE, re.DOTALL)
    document = parse_document(LEAST % ("0" * 64) + part, GatewayDocument, "gateway.yaml")
    assert document.observe.metrics.token_file
    assert len(document.issuers) == 2


def test_every_count_that_it_names_exists():
    source = "".join(file.read_text() for file in (ROOT / "src/holdfast/gateway").rglob("*.py"))
    named = set(re.findall(r"`(holdfast_[a-z_]+?)(?:_total)?[`{ ]", PAGE))
    upstreams = set(re.findall(r"`_([a-z_]+?)(?:_total)?`", PAGE))
    assert len(named) > 10
    assert len(upstreams) == 4
    assert [name for name in named - {"holdfast_upstream_resting"} if f'"{name}"' not in source] == []
    assert [name for name in upstreams if f'("{name}"' not in source] == []

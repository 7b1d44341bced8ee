"""Policy documents: what is written is what is meant, and mistakes name their line."""

from __future__ import annotations

import pytest

from holdfast import canonical
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import Disclosure, GuardTerms, Policy, Review
from holdfast.domain.tool import FlowRule, Label, Task, ToolPolicy
from holdfast.policy import parse_policy, read_policy

TEXT = """\
name: credit
version: "3"
approved_by: Model risk committee
subject: customer
personal: [income]
fallback: refused
review: answer
unreleased: flag
deadline_ms: 40
disclosure: {digits: 2, top: 3}
guards:
  table.schema: {mode: enforce}
  table.outlier: {threshold: 0.999, on_error: block}
  table.trigger:
    mode: enforce
    action: review
    params: {triggers: ['housing == "other" and years == 11', 'missing(income)']}
"""


def test_a_document_is_a_record_with_a_digest(tmp_path):
    (tmp_path / "policy.yaml").write_text(TEXT)
    policy = read_policy(tmp_path / "policy.yaml")
    triggers = ('housing == "other" and years == 11', "missing(income)")
    assert policy == Policy(
        "credit",
        "3",
        (
            GuardTerms("table.schema", Mode.ENFORCE),
            GuardTerms("table.outlier", threshold=0.999, on_error=Action.BLOCK),
            GuardTerms("table.trigger", Mode.ENFORCE, Action.REVIEW, params=(("triggers", triggers),)),
        ),
        approved_by="Model risk committee",
        disclosure=Disclosure(2, 3),
        personal=("income",),
        subject="customer",
        fallback="refused",
        review=Review.ANSWER,
        unreleased=Action.FLAG,
        deadline_ms=40,
    )
    assert canonical.decode(Policy, canonical.encode(policy)) == policy
    assert canonical.digest(policy) != canonical.digest(parse_policy(TEXT.replace("0.999", "0.99")))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("mode: enforced", "line 12.*guards.table.schema.mode"),
        ("treshold: 1", "line 12.*treshold.*Did you mean `threshold`"),
        ("action: allowed", "line 12"),
    ],
)
def test_mistakes_name_their_line(wrong, said):
    with pytest.raises(FixInput, match=said):
        parse_policy(TEXT.replace("mode: enforce}", wrong + "}", 1))


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("unreleased: flag", "unreleased: redact", "block, review or flag"),
        ("fallback: refused", "unanswered: fallback", "needs a `fallback`"),
    ],
)
def test_what_cannot_be_done_is_refused(line, instead, said):
    with pytest.raises(FixInput) as error:
        parse_policy(TEXT.replace(line, instead))
    assert said in f"{error.value.message} {error.value.hint}"


TOOLS = """
tools:
  allow:
    read_mail: {results: [untrusted]}
    send_mail:
      does: [external]
      arguments: {to: {hosts: [Bank.example]}, copies: {least: 0, most: 3, one_of: [1, true, x]}}
      price: 0.25
      inside: {to: [Bank.example]}
  flows: [{seen: [untrusted], to: external, action: flag}]
  tasks: {mail: {tools: [read_mail], credentials: [desk]}}
  money: 1.5
"""


def test_what_it_says_of_tools_is_a_record_too():
    policy = parse_policy(TEXT + TOOLS)
    mail, send = policy.tools.tools
    assert (mail.results, send.does, send.price) == ((Label.UNTRUSTED,), (Label.EXTERNAL,), 250_000)
    assert send.arguments[0].hosts == ("bank.example",)
    assert send.inside == (("to", ("bank.example",)),)
    assert policy.tools.flows == (FlowRule((Label.UNTRUSTED,), Label.EXTERNAL, Action.FLAG),)
    assert policy.tools.tasks == (Task("mail", ("read_mail",), ("desk",)),)
    assert (policy.tools.money, policy.tools.mode) == (1_500_000, Mode.ENFORCE)
    assert canonical.decode(Policy, canonical.encode(policy)) == policy
    assert parse_policy(TEXT + "tools: {allow: {}}").tools == ToolPolicy(())
    assert b'"tools"' not in canonical.encode(parse_policy(TEXT))  # those from before keep their digest


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("[untrusted]}", "[external]}", "`results` are"),
        ("does: [external]", "does: [sensitive]", "a tool `does`"),
        ("does: [external]", "inside: {to: [x]}", "can stay `inside`"),
        ("to: external", "to: untrusted", "goes `to`"),
        ("[read_mail]", "[read_male]", "not under `allow`"),
        ("  money", "  pin: true\n  money", "has none"),
        ("hosts: [Bank.example]", 'pattern: "("', "RE2 cannot read it"),
        ("action: flag", "action: redact", "a flow's `action`"),
        ("price:", "prize:", "Did you mean `price`"),
    ],
)
def test_what_cannot_be_meant_of_tools(written, instead, said):
    assert written in TOOLS
    with pytest.raises(FixInput) as wrong:
        parse_policy(TEXT + TOOLS.replace(written, instead, 1))
    assert said in str(wrong.value)

"""The console's rooms for watching: every page by role and in every state, what forms do, and what is exported."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import quote, unquote, urlencode

import pytest
from tests.unit.flows.journey import SYSTEM, filed
from tests.unit.server import looking

from holdfast import canonical
from holdfast.domain.access import GRANTS, Permission
from holdfast.domain.act import Draft, Verb
from holdfast.domain.alert import Alert, Incident, Settled, Standing
from holdfast.domain.look import Line
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.release import Release
from holdfast.domain.rounds import Failure, Named, Round
from holdfast.domain.watch import Consequence, Span, Watch
from holdfast.flows import breakers
from holdfast.flows.alert_groups import waiting_alerts
from holdfast.flows.alerts import settle
from holdfast.flows.watcher import ROUND
from holdfast.server.console.pages import SAID
from holdfast.storage.places import SqlPlaces
from holdfast.testing.desk import PEOPLE

from .conftest import form_token

pytestmark = pytest.mark.one_database

HERE = f"/systems/{quote(SYSTEM.name)}"
LINE = urlencode({"measure": "drift.location", "about": "feature income"})
PAGES = {
    "/watch": Permission.READ,
    "/watch?as=csv": Permission.READ,
    "/watch?sort=system&descending=false&system=none": Permission.READ,
    f"{HERE}/watch": Permission.READ,
    f"{HERE}/watch?release={{release}}&part=Features&state=changed&text=income&sort=title": Permission.READ,
    f"{HERE}/watch?as=json": Permission.READ,
    f"{HERE}/watch/line?{LINE}": Permission.READ,
    f"{HERE}/watch/look": Permission.READ,
    f"{HERE}/watch/evidence/sha256:{'e' * 64}": Permission.READ,
    f"{HERE}/watch/set": Permission.SET_WATCH,
    "/alerts": Permission.READ,
    "/alerts?state=any": Permission.READ,
    "/alerts?as=csv": Permission.READ,
    "/alerts/{alert}": Permission.READ,
    "/alerts/{found}": Permission.READ,
    "/incidents": Permission.READ,
    "/incidents?state=any&as=json": Permission.READ,
    "/incidents/{incident}": Permission.READ,
}
RATIO = Measure("fairness.impact_ratio", "Impact ratio", "", Direction.HIGHER_IS_BETTER, "How groups compare.")


@pytest.fixture
def seen(server):
    server.app.state.platform = replace(server.platform, measures={RATIO.id: RATIO})
    return server, looking.seen(server.office, server.folder)


def heading(page: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)[1]))


def said(answer) -> str:
    assert answer.status_code == 303, answer.text
    return unquote(answer.cookies[SAID])


def plain(answer) -> str:
    """A page's text."""
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]+>", "", answer.text)).split())


@pytest.mark.parametrize("who", PEOPLE)
def test_every_page_by_every_role(seen, who):
    server, keys = seen
    client, roles, found = server.program(who), set(PEOPLE[who]), {}
    for path in PAGES:
        answer = client.get(path.format(**keys))
        found[path] = answer.status_code
        assert " style=" not in answer.text, path
    assert found == {path: 200 if roles & GRANTS[permission] else 403 for path, permission in PAGES.items()}
    page = client.get(f"/alerts/{keys['alert']}").text
    assert ('name="how"' in page) == bool(roles & GRANTS[Permission.SETTLE_ALERTS])
    assert ("owners, approvers and auditors may see them" in page) != bool(roles & GRANTS[Permission.READ_DECISIONS])
    assert (f'href="{HERE}/watch/set"' in client.get(HERE).text) == bool(roles & GRANTS[Permission.SET_WATCH])


def test_nobody_signed_in_sees_no_page(seen):
    server, keys = seen
    for path in PAGES:
        answer = server.stranger().get(path.format(**keys))
        assert (answer.status_code, answer.headers["location"][:9]) == (303, "/sign-in?"), path


@pytest.mark.parametrize(
    ("state", "sentence", "also"),
    [
        ("empty", "No day of its decisions is over yet.", "Lines appear once a day"),
        ("learning", "It takes 28 days to say what is usual; there are 12.", 'max="28"'),
        ("quiet", "Nothing changed in 17 days, on two lines.", "Every monitor looked."),
        ("loud", "Two of 48 lines changed; one line lies beyond a limit.", "It crashed: ValueError: no trees"),
        (
            "troubled",
            "Nothing changed in 17 days, on two lines. Some decisions could not be read.",
            "The segment of 14 November cannot be read",
        ),
        ("hourly", "Two of 48 lines changed; one line lies beyond a limit.", "2026-11-22, 20:00: 300 decisions"),
        ("hostile", "One of one line changed. Some decisions could not be read.", "&lt;script&gt;"),
    ],
)
def test_each_state_is_said_in_a_sentence(server, state, sentence, also):
    office = server.office
    release = looking.running(office)
    looking.with_baseline(office, release)
    looking.looked(office, server.folder, looking.LOOKS[state](release, office.desk.at))
    for who in ("owner", "viewer"):
        page = server.program(who).get(f"{HERE}/watch").text
        assert heading(page) == sentence
        assert also in page
        assert "<script>alert" not in page
    assert sentence in unescape(server.program("viewer").get("/watch").text)
    assert sentence in unescape(server.program("viewer").get(HERE).text)


def test_a_hostile_name_is_text_wherever_a_line_or_an_alert_is_shown(server):
    office, bad = server.office, looking.HOSTILE
    release = looking.running(office)
    look = looking.hostile(release, office.desk.at)
    looking.looked(office, server.folder, look)
    scope = look.lines[0].where
    alert = looking.alert_of(release, office.desk.at, what=bad, measure=bad, scope=scope, reason=bad, owner=bad)
    incident = Incident(SYSTEM.name, release, bad, ("bad",), office.desk.at)
    drafts = [Draft(Verb.RAISE_ALERT, "bad", alert), Draft(Verb.OPEN_INCIDENT, "worse", incident)]
    office.desk.store.commit(drafts, actor="platform", at=office.desk.at, id="bad")
    client = server.program("owner")
    line = f"{HERE}/watch/line?{urlencode({'measure': bad, 'about': scope})}"
    narrow = f"{HERE}/watch?{urlencode({'part': bad, 'text': bad, 'state': 'changed'})}"
    for path in ("/watch", narrow, line, "/alerts", "/alerts/bad", "/incidents", "/incidents/worse", "/", "/inbox"):
        answer = client.get(path)
        assert (answer.status_code, "<script>alert" in answer.text) == (200, False), path
        assert "&lt;script&gt;" in answer.text, path


def test_what_is_missing_before_the_first_look_is_said_with_the_command_that_fills_it(server):
    office, client = server.office, server.program("owner")
    assert "Nothing is in production" in client.get("/watch").text
    assert "Nothing has to be looked at" in client.get("/alerts").text
    assert "No incident goes on" in client.get("/incidents").text
    release = looking.running(office)
    page = client.get(f"{HERE}/watch").text
    assert heading(page) == "It is not known what is usual of it"
    assert "holdfast release submit" in page
    assert "Nobody filed what is usual of it." in client.get("/watch").text
    looking.with_baseline(office, release)
    assert heading(client.get(f"{HERE}/watch").text) == "Nobody looked at it yet"
    assert "Nobody looked yet." in client.get("/watch").text


def test_a_control_plane_that_watches_nothing_says_so(seen):
    server, _ = seen
    server.app.state.platform = replace(server.platform, watcher=None)
    client = server.program("viewer")
    for path in ("/watch", f"{HERE}/watch"):
        assert "This control plane watches no decisions." in client.get(path).text
    assert client.get("/").status_code == client.get(HERE).status_code == 200
    assert "Its line is not watched any more" in client.get("/alerts/ratio").text


def test_a_look_that_nobody_renewed_is_stale(seen):
    server, _ = seen
    office = server.office
    last = {"starts": (*looking.STARTS[:-1], office.desk.at[:10])}
    fresh = looking.look_of(office.desk.store.list(Release).items[0].key, office.desk.at, **last)
    looking.looked(office, server.folder, fresh)
    assert "Stale" not in server.program("viewer").get("/watch").text
    office.clock.now += timedelta(hours=2)
    for path in ("/watch", f"{HERE}/watch"):
        page = server.program("viewer").get(path).text
        assert "Stale" in page
        assert "Nobody has looked since" in page


def test_why_and_since_when_nobody_looks_is_said_and_what_stands_out_in_the_fleet(seen):
    server, _ = seen
    office, release = server.office, server.office.desk.store.list(Release).items[0].key
    why = "The segment <b> is not the file that was registered."
    failure = Failure("segment.changed", why, "Keep a copy.", "2026-11-24T02:00:00Z", SYSTEM.name, release)
    named = Named(SYSTEM.name, release, "drift.place", "feature income", 12.0)
    done = Round(office.desk.at, 7, 1_400, (named,), (failure,))
    SqlPlaces(office.desk.store).put(ROUND, canonical.encode(done))
    client = server.program("viewer")
    fleet, page = plain(client.get("/watch")), plain(client.get(f"{HERE}/watch"))
    assert "could not be looked at since" in fleet
    assert "Of all 1,400 series of seven releases together, one stands out" in fleet
    assert "Looking has failed since" in page
    for text in (fleet, page):
        assert why in text
        assert "2026" in text
    metrics = client.get("/api/v1/metrics").text
    assert f'holdfast_watch_failing{{code="segment.changed",release="{release}",system="{SYSTEM.name}"}} 1.0' in metrics
    assert f'holdfast_series_named_in_fleet{{system="{SYSTEM.name}"}} 1.0' in metrics
    SqlPlaces(office.desk.store).put(ROUND, canonical.encode(Round(office.desk.at, 7, 1_400)))
    assert "None of all 1,400 series" in plain(client.get("/watch"))
    assert "failed since" not in plain(client.get(f"{HERE}/watch"))


def test_lines_are_filtered_sorted_and_turned_by_url_the_loudest_first(seen):
    server, _ = seen
    client = server.program("viewer")

    def shown(query: str) -> list[str]:
        rows = csv.DictReader(io.StringIO(client.get(f"{HERE}/watch?{query}&as=csv").text))
        return [f"{row['measure']} {row['about']}".strip() for row in rows]

    first = shown("")
    assert first[:3] == [
        "fairness.impact_ratio group sex=female", "drift.location feature income", "drift.location feature rate",
    ]  # fmt: skip
    assert (len(first), len(shown("after=40"))) == (40, 8)
    assert set(first).isdisjoint(shown("after=40"))
    assert shown("part=Groups") == first[:1]
    assert shown("state=changed") == shown("text=INCOME") == first[1:2]
    assert shown("state=wanders&part=Features") == first[2:3]
    assert shown("sort=since")[:2] == first[:2]
    assert shown("sort=title&descending=true")[0] > shown("sort=title")[0]
    assert shown("text=nothing-like-it") == []
    assert "No line fits" in client.get(f"{HERE}/watch?text=nothing-like-it").text
    assert client.get(f"{HERE}/watch?after=-1").status_code == 422


def test_what_is_exported_is_what_is_shown(seen):
    server, keys = seen
    client = server.program("viewer")
    row = client.get(f"{HERE}/watch?state=beyond&as=json").json()[0]
    assert (row["state"], row["since"], row["known_at"], row["at_least"]) == ("beyond", "2026-10-07", "2026-10-10", 0.8)
    values = client.get(f"{HERE}/watch/line?{LINE}&as=json").json()
    assert len(values) == len(looking.STARTS)
    assert [one["says_what_is_usual"] for one in values].count(True) == looking.ORDINARY
    fleet = client.get("/watch?as=json").json()[0]
    assert (fleet["system"], fleet["state"], fleet["alerts"]) == (SYSTEM.name, "beyond", 3)
    alerts = {row["alert"]: row for row in client.get("/alerts?as=json").json()}
    assert alerts["income"]["group"] == "ratio"
    incident = client.get("/incidents?as=json").json()[0]
    assert (incident["incident"], incident["release"]) == ("incident-ratio", keys["release"])
    look = client.get(f"{HERE}/watch/look").json()
    assert (look["release"], len(look["lines"])) == (keys["release"], 48)


def test_every_value_of_a_line_stands_on_its_page_as_text(seen):
    server, keys = seen
    gone = looking.gaps(looking.lines()[4])
    query = urlencode({"measure": gone.measure, "release": keys["release"]})
    page = server.program("viewer").get(f"{HERE}/watch/line?{query}").text
    table = page[page.index('class="values"') :]
    assert table.count("<tr>") == len(looking.STARTS) + 1
    assert table.count("too few rows") == gone.values.count(None) == 3
    assert server.program("viewer").get(f"{HERE}/watch/line?measure=none").status_code == 404


def test_the_hours_of_an_alert_lead_to_their_days(seen):
    server, keys = seen
    desk, hours = server.office.desk, looking.hourly(keys["release"], server.office.desk.at)
    looking.looked(server.office, server.folder, hours)
    since = {"since": hours.starts[looking.BEGAN - 15], "seen": hours.starts[-1]}
    alert = looking.alert_of(keys["release"], desk.at, **since)
    desk.store.commit([Draft(Verb.RAISE_ALERT, "hour", alert)], actor="platform", at=desk.at, id="hour")
    page = server.program("owner").get("/alerts/hour").text
    assert "since 2026-11-21, 21:00" in page
    assert re.findall(r'decisions\?day=([0-9-]+)">', page) == ["2026-11-22", "2026-11-21"]
    counted = re.findall(r'<td class="n">([0-9,]+)</td></tr>', page[page.index('class="days"') :])
    assert counted[:2] == ["6,300", "900"]
    line = server.program("owner").get(f"{HERE}/watch/line?{LINE}").text
    assert "Hour by hour" in line
    assert "22 Nov, 12:00" in line


def test_a_release_of_another_system_is_not_shown_as_one_of_this(seen):
    server, keys = seen
    client = server.program("owner")
    client.post("/new-system", data={"name": "Churn", "purpose": "Whom to call"})
    release = quote(keys["release"])
    for path in (f"watch?release={release}", f"watch/look?release={release}", f"watch/evidence/sha256:{'e' * 64}"):
        assert client.get(f"/systems/Churn/{path}").status_code == 404, path
    assert heading(client.get("/systems/Churn/watch").text) == "Nothing of Churn runs"


def test_another_release_is_chosen_by_url(seen):
    server, keys = seen
    second = filed(server.office, salt="second").filed.record.release
    looking.with_baseline(server.office, second)
    client = server.program("viewer")
    assert f'release={quote(second, safe="")}"' in client.get(f"{HERE}/watch").text
    page = client.get(f"{HERE}/watch?release={second}").text
    assert "which does not run" in page
    assert heading(client.get(f"{HERE}/watch?release={keys['release']}").text).startswith("Two of 48")


def test_an_alert_says_how_large_how_sure_what_followed_and_what_is_behind_it(seen):
    server, keys = seen
    page = server.program("owner").get("/alerts/ratio").text
    text = unescape(re.sub(r"<[^>]+>", " ", page))
    assert "0.66 (0.595 to 0.725); the limit is 0.8" in text
    assert "Chance shows this at most once in 9,800 streams over their whole life." in text
    assert "The release was stopped." in text
    assert "Where values lie (feature income) changed by +0.4" in text
    for day in looking.STARTS[looking.BEGAN :]:
        assert f'href="{HERE}/decisions?day={day}"' in page
    assert f'href="/releases/{keys["release"]}"' in page
    assert 'href="/incidents/incident-ratio"' in page
    assert "limit: at least 0.8" in page
    other = unescape(re.sub(r"<[^>]+>", " ", server.program("owner").get("/alerts/income").text))
    assert "Chance shows this at most once in 1,900 streams over their whole life." in other
    found = server.program("owner").get("/alerts/found").text
    assert "It was found, not bet on" in found
    assert "there is nothing to draw" in found


def test_settling_asks_for_a_way_and_a_reason_and_keeps_what_was_typed(seen):
    server, _ = seen
    client, store = server.program("owner"), server.platform.desk.store
    answer = client.post("/alerts/ratio", data={"reason": "The feed <b>sent</b> euros"})
    assert answer.status_code == 422
    assert "What it came to is missing." in answer.text
    assert "The feed &lt;b&gt;sent&lt;/b&gt; euros" in answer.text
    answer = client.post("/alerts/ratio", data={"how": "mended", "reason": " "})
    assert 'id="reason-wrong">The reason is missing.' in answer.text
    assert store.get(Alert, "ratio").record.is_open


def test_one_settles_alone_or_with_what_came_with_it(seen):
    server, _ = seen
    client, store = server.program("risk"), server.platform.desk.store
    answer = client.post("/alerts/found", data={"how": "nothing", "reason": "It was a test.", "others": "yes"})
    assert said(answer) == "Settled: there was nothing."
    answer = client.post("/alerts/ratio", data={"how": "mended", "reason": "The feed is mended.", "others": "yes"})
    assert said(answer) == "Settled: it was mended. So are 1 that came with it."
    for key in ("ratio", "income"):
        alert = store.get(Alert, key).record
        assert (alert.standing, alert.settled, alert.person) == (Standing.SETTLED, Settled.MENDED, "risk")
    page = client.get("/alerts/ratio").text
    assert "It was mended, says" in page
    assert 'name="how"' not in page
    assert client.post("/alerts/ratio", data={"how": "mended", "reason": "Again."}).status_code == 422
    assert "No alert is open" in client.get("/alerts").text
    assert client.get("/alerts?state=settled").text.count('class="whole"') == 3


def test_a_browser_settles_with_its_forms_token_and_nobody_else_does(seen):
    server, _ = seen
    client, data = server.browser("owner"), {"how": "normal", "reason": "A new branch opened."}
    assert client.post("/alerts/income", data=data).status_code == 403
    token = form_token(client.get("/alerts/income").text)
    assert said(client.post("/alerts/income", data={**data, "csrf": token})) == "Settled: it is how things are now."
    assert server.program("viewer").post("/alerts/ratio", data=data).status_code == 403
    assert server.program("viewer").post("/incidents/incident-ratio", data=data).status_code == 403


def test_what_came_together_waits_once_for_whoever_may_settle_it(seen):
    server, _ = seen
    owner, viewer = server.program("owner"), server.program("viewer")
    assert "Two things wait for you" in owner.get("/").text
    assert "One other came with it." in owner.get("/inbox").text
    assert "Nothing waits for you" in viewer.get("/").text
    assert "Nothing waits for you" in viewer.get("/inbox").text
    assert "three alerts" in viewer.get("/").text
    desk, release = server.office.desk, looking.alert_of("", "").release
    note = looking.alert_of(release, desk.at, consequence=Consequence.NOTE)
    desk.store.commit([Draft(Verb.RAISE_ALERT, "note", note)], actor="platform", at=desk.at, id="note")
    groups = waiting_alerts(desk, server.office.caller("owner"), 9)
    assert [(group.head.key, len(group.others)) for group in groups] == [("ratio", 1), ("found", 0)]
    assert len(waiting_alerts(desk, server.office.caller("owner"), 1)) == 1


def test_an_incident_leads_from_the_alert_over_the_breaker_and_the_new_check_to_its_end(seen):
    server, keys = seen
    office, path = server.office, "/incidents/incident-ratio"
    owner = server.program("owner")
    page = owner.get(path).text
    assert "Its alerts have to be settled first." in page
    assert "Release 1.0 is stopped." in page
    assert "Nobody has filed evidence on it since." in page
    assert "the form is on the system&#39;s page" in server.program("risk").get(path).text.replace("'", "&#39;")
    assert owner.post(path, data={"reason": "over"}).status_code == 422
    office.clock.now += timedelta(hours=1)
    settle(office.desk, office.caller("risk"), keys["alert"], Settled.MENDED, reason="Mended.")
    filed(office)
    assert "Closing it resets nothing" in owner.get(path).text
    breakers.reset(office.desk, office.caller("risk"), f"{SYSTEM.name}:{keys['release']}", reason="Checked again.")
    page = owner.get(path).text
    assert "Checked again." in page
    assert "It can be closed." in page
    answer = owner.post(path, data={"reason": " "})
    assert 'id="reason-wrong">How it ended is missing.' in answer.text
    assert said(owner.post(path, data={"reason": "The feed is mended."})) == "The incident is closed."
    assert not office.desk.store.get(Incident, "incident-ratio").record.is_open
    assert "The feed is mended." in owner.get(path).text
    assert "No incident goes on" in owner.get("/incidents").text


def test_how_it_is_watched_is_said_in_a_form_and_shown_again(seen):
    server, _ = seen
    client, path, store = server.program("owner"), f"{HERE}/watch/set", server.platform.desk.store
    typed = {
        "span": "hour", "measure.0": "fairness", "consequence.0": "release", "why.0": "Nobody may be treated worse.",
        "measure.2": "*", "consequence.2": "note", "why.2": "We try it out.", "consequence.1": "alert",
        "mail": "ops@example.org\nrisk@example.org, it@example.org", "score": "p", "decision": "", "skip": ["x.y"],
    }  # fmt: skip
    assert "from the next look on" in said(client.post(path, data=typed))
    watch = store.get(Watch, SYSTEM.name).record
    assert (watch.span, watch.skip, watch.score) == (Span.HOUR, ("x.y",), "p")
    assert [(rule.measure, rule.consequence) for rule in watch.rules] == [
        ("fairness", Consequence.RELEASE), ("*", Consequence.NOTE),
    ]  # fmt: skip
    assert watch.mail == ("ops@example.org", "risk@example.org", "it@example.org")
    page = client.get(path).text
    assert 'value="Nobody may be treated worse."' in page
    assert re.search(r'value="x.y" checked', page)
    assert "Left out by whoever says how it is watched: <code>x.y</code>" in client.get(f"{HERE}/watch").text


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"measure.0": "fairness", "why.0": " "}, "Why is missing."),
        ({"measure.0": "", "why.0": "because"}, "The measure is missing."),
        ({"measure.0": "fairnes", "why.0": "because"}, "No measure, and no family of measures, is called so."),
        ({"mail": "nobody"}, "&#39;nobody&#39; is no address."),
        ({"span": "week"}, "The length of a batch is missing."),
    ],
)
def test_what_is_wrong_in_that_form_stands_at_its_field_and_changes_nothing(seen, typed, wrong):
    server, _ = seen
    full = {"span": "day", "consequence.0": "alert", "score": "kept", **typed}
    answer = server.program("owner").post(f"{HERE}/watch/set", data=full)
    assert answer.status_code == 422
    assert wrong in answer.text
    assert 'value="kept"' in answer.text
    assert server.platform.desk.store.find(Watch, SYSTEM.name) is None


def test_an_alert_whose_line_nobody_yields_any_more_still_has_its_page(seen):
    server, keys = seen
    looking.looked(server.office, server.folder, looking.quiet(keys["release"], server.office.desk.at))
    page = server.program("owner").get("/alerts/ratio").text
    assert "Its line is not watched any more" in page
    assert f'href="{HERE}/decisions?day=2026-10-15"' in page


def test_acts_of_watching_lead_to_their_pages(seen):
    server, _ = seen
    history = server.program("viewer").get(HERE).text
    history = history[history.index('id="history"') :]
    for path in ("/alerts/ratio", "/incidents/incident-ratio", f"{HERE}/watch"):
        assert f'href="{path}"' in history
    assert "watched" not in re.sub(r"<[^>]+>", " ", history)


def test_a_line_without_any_value_is_drawn_as_a_sentence(server):
    release = looking.running(server.office)
    nothing = Line("drift.features", "drift.location", (), (None,) * len(looking.STARTS), (0,) * len(looking.STARTS))
    looking.looked(server.office, server.folder, looking.look_of(release, server.office.desk.at, lines=(nothing,)))
    page = server.program("viewer").get(f"{HERE}/watch/line?measure=drift.location").text
    assert "Every batch has too few rows." in page
    assert "Nobody bets on it yet: 0 of 28 days are learned." in page

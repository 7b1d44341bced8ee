"""The console as people get it: in Chromium, without script, from a system to its release; and its looks."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.trips.chromium import CHROMIUM, violations
from tests.unit.flows.holding import held
from tests.unit.flows.journey import REGIME, asked, filed, registered
from tests.unit.flows.test_register_data import admission
from tests.unit.flows.test_register_data import registered as entered
from tests.unit.flows.test_steps import file as file_record
from tests.unit.flows.test_steps import made_of
from tests.unit.server.deciding import decided
from tests.unit.server.watching import watcher_of

from holdfast import canonical
from holdfast.domain.account import Profile
from holdfast.domain.act import Draft, Verb
from holdfast.domain.approval import Discipline
from holdfast.domain.gate import Gate
from holdfast.domain.person import Person, Proposal
from holdfast.domain.release import Deployment, Release
from holdfast.flows.desk import Desk
from holdfast.flows.gate import ask
from holdfast.flows.retention import place_hold
from holdfast.flows.review import decide, file_held
from holdfast.flows.sequence import Sequencer
from holdfast.ledger.note import Key
from holdfast.server.app import create_app
from holdfast.server.platform import Platform
from holdfast.storage.accounts import SqlAccounts
from holdfast.storage.answers import SqlAnswers
from holdfast.testing.desk import PEOPLE
from holdfast.testing.desk import office as open_office
from holdfast.wiring import open_decision_room

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
PASSWORD = "correct horse battery"
HERE = "/systems/Loan%20approval"


@contextmanager
def served(folder):
    """A control plane on a port of this machine, with somebody of each role who can sign in."""
    import uvicorn

    with open_office(folder) as office, open_decision_room(folder, office.desk) as room:
        office.founded()
        desk = office.desk
        accounts = SqlAccounts(desk.store, b"secret")
        accounts.add(Profile("owner", "Olivia Owner", "owner@example.org"))
        accounts.set_password("owner", PASSWORD)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        with Sequencer(desk.store, desk.ledger, every=0.05) as sequencer:
            office.desk = replace(desk, committed=sequencer.wake)
            regimes = {REGIME.regime: REGIME}
            url = f"http://127.0.0.1:{port}"
            answers = SqlAnswers(desk.store)
            platform = Platform(
                office.desk,
                accounts,
                sequencer,
                url,
                questionnaires=regimes,
                answers=answers,
                room=room,
                watcher=watcher_of(office, accounts, folder),
            )
            server = uvicorn.Server(uvicorn.Config(create_app(platform), port=port, log_level="error"))
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.02)
            yield office, platform
            server.should_exit = True
            thread.join()


@pytest.fixture
def house(tmp_path):
    with served(tmp_path) as (office, platform):
        yield office, platform


class Somebody:
    """Somebody at a browser of their own, signed in with a session of theirs."""

    def __init__(self, browser, platform, who, **how):
        self.url = platform.url
        context = browser.new_context(base_url=platform.url, **how)
        secret = platform.accounts.open_session(who, platform.desk.now)
        context.add_cookies([{"name": "holdfast_session", "value": secret, "url": platform.url}])
        self.page = context.new_page()

    def go(self, path):
        self.page.goto(path)
        return self

    def type(self, **fields):
        for label, text in fields.items():
            self.page.get_by_role("textbox", name=re.compile(label.replace("_", "."))).first.fill(text)
        return self

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).first.click()
        return self

    @property
    def said(self) -> str:
        return self.page.get_by_role("status").first.inner_text()

    @property
    def title(self) -> str:
        return self.page.get_by_role("heading", level=1).inner_text()


class Journey:
    """The steps from a system to its release, each done by somebody at a browser without script."""

    def __init__(self, browser, office, platform, folder):
        self.browser, self.office, self.platform, self.folder = browser, office, platform, folder
        self.vkey = Key("ci", office.desk.signer.public_bytes()).vkey

    def as_(self, who) -> Somebody:
        return Somebody(self.browser, self.platform, who, java_script_enabled=False)

    def sign_in(self) -> None:
        page = self.browser.new_context(base_url=self.platform.url, java_script_enabled=False).new_page()
        page.goto("/systems")
        page.get_by_label("E-mail address").fill("owner@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        assert page.url.endswith("/systems")

    def register(self, owner: Somebody) -> None:
        owner.go("/new-system").type(Name="Loan approval").press("Register")
        assert owner.page.get_by_text("The purpose is missing.").is_visible()
        assert owner.page.get_by_label("Name", exact=True).input_value() == "Loan approval"
        owner.type(Purpose="Who gets a loan", Data_quality="Ada", Model_behaviour="Bo", Deployment_decisions="Cy")
        owner.type(Monitoring="Di").press("Register")
        assert "Loan approval is registered" in owner.said

    def classify(self, owner: Somebody) -> None:
        owner.page.get_by_role("link", name="Open the questionnaire").click()
        for question, answer in (("Is it listed?", "Yes"), ("Does it score people?", "No")):
            owner.page.get_by_role("group", name=question).get_by_label(answer).check()
        owner.press("Keep the answers")
        assert "high risk" in owner.said

    def file_and_ask(self, outcome: str, version: str) -> Somebody:
        """The developer, on the page of the request that was made."""
        envelope, _ = self.office.sealed(self.office.evidence(outcome, salt=version))
        (self.folder / "evidence.json").write_bytes(envelope)
        developer = self.as_("developer").go(HERE)
        developer.page.locator("summary", has_text="File evidence").click()
        developer.page.get_by_label("Sealed evidence").set_input_files(self.folder / "evidence.json")
        developer.type(Version=version, Sealer_s_key=self.vkey).press("File it")
        assert f"The verdict: {outcome}." in developer.said
        return developer.type(Why_it_should_go_in="ready").press("Ask")

    def ask_waiver(self, owner: Somebody) -> None:
        owner.page.locator("summary", has_text="Impact ratio").click()
        form = owner.page.locator("details[open] form.form")
        form.get_by_label("Why it can be accepted").fill("It is small.")
        form.get_by_label("Compensating control").fill("A person reads each.")
        form.get_by_label("Last day").fill("2027-01-31")
        form.get_by_role("button").click()
        assert "You asked for the waiver" in owner.said

    def answer(self, who: str, form: str, says: str) -> Somebody:
        """The approver, after finding the newest request in the inbox and answering in its form."""
        person = self.as_(who).go("/inbox")
        person.page.locator("main table a.whole").first.click()
        answer = person.page.locator(form)
        answer.get_by_label(says, exact=True).check()
        answer.get_by_label("Reason").fill(f"{who} says {says}")
        answer.get_by_role("button").click()
        return person


def test_from_registering_to_release_without_any_script(browser, house, tmp_path):
    office, platform = house
    journey = Journey(browser, office, platform, tmp_path)
    journey.sign_in()
    owner = journey.as_("owner")
    journey.register(owner)
    journey.classify(owner)
    journey.as_("it").go("/sealers").type(Name="CI", Key=journey.vkey).press("Trust it")

    shut = journey.file_and_ask("breach", "1.0")
    assert "may not go into production: three breaches" in shut.title
    journey.ask_waiver(owner.go(shut.page.url))
    assert "Your no to the waiver" in journey.answer("legal", "#waivers form.answer", "No").said
    assert "may not go into production: three breaches" in owner.go(shut.page.url).title
    assert owner.page.get_by_text("legal says No").is_visible()

    office.clock.now += timedelta(minutes=1)
    passing = journey.file_and_ask("pass", "1.1")
    for who in Discipline:
        assert "Your yes is on record" in journey.answer(who, ".rail form.answer", "Yes").said
    owner.go(passing.page.url).press("Put into production")
    assert "let in by 5 people" in owner.said
    row = owner.go(HERE).page.locator("#production tbody tr").first.inner_text()
    assert all(word in row for word in ("1.1", "production", "now", "risk", "legal"))
    assert len(office.desk.store.list(Deployment, state="running").items) == 1
    assert "Every row is as recorded." in owner.go("/ledger").press("Verify now").said


def rooms(office, folder) -> list[str]:
    """The pages that look different from one another, on a control plane that was used."""
    system = registered(office)
    release = filed(office, "breach").filed.record.release
    request = asked(office, release).request.key
    data = furnished_with_data(office, release)
    place_hold(office.desk, office.caller("legal"), system.name, because="Case 7 C 12/27")
    decision = decided(folder, office, 2, release=release)[0].id
    paths = ["/", "/systems", "/new-system", f"/systems/{system.name}", f"/systems/{system.name}/classification"]
    paths += [f"/releases/{release}", f"/requests/{request}", "/requests", "/inbox", "/appetite", "/appetite/propose"]
    paths += ["/committee", "/committee/propose", "/ledger", "/ledger/0", "/sealers", "/people", "/people/owner"]
    paths += [f"/systems/{system.name}/decisions", f"/decisions/{decision}"]
    waits, ended = (file_held(office.desk, office.caller("developer"), held()).key for _ in range(2))
    decide(office.desk, office.caller("reviewer"), ended, answer="yes", reason="Her income is proven.")
    paths += ["/reviews", "/reviews?state=any", f"/reviews/{waits}", f"/reviews/{ended}"]
    return [*paths, "/data", f"/requests/{data}", "/people/invite", "/settings", "/search?q=loan", "/nowhere"]


def furnished_with_data(office, release: str) -> str:
    """A way back that breaks at one of its ends; the key of a request to train on what came in."""
    model, test, train = (m.digest for m in office.desk.store.get(Release, release).record.materials)
    raw = canonical.digest_bytes(b"rows")
    entered(office, admission())
    file_record(office, made_of(train, raw, id="clean"))
    file_record(office, replace(made_of(model, train, test, id="train"), command=("python", "train.py", "--epochs=30")))
    caller, gate = office.caller("owner"), Gate.TRAINING
    return ask(office.desk, caller, gate, "Loan approval", reason="to train on", datasets=(raw,)).request.key


def somebody_who_may_all(desk: Desk) -> None:
    """One person in every role, so that every form of every page is there to be looked at."""
    roles = tuple(role for roles in PEOPLE.values() for role in roles)
    draft = Draft(Verb.SET_PERSON, "all", Person("all", roles))
    desk.store.commit([draft], actor="founder", at=desk.at, id="all")


def test_a_double_click_without_script_invites_once(browser, house):
    office, platform = house
    admin = Somebody(browser, platform, "admin", java_script_enabled=False)
    admin.go("/people/invite").type(Name="Eve", E_mail="eve@example.org")
    admin.page.get_by_role("button", name="Make the link").dblclick()
    admin.page.get_by_role("heading", name="Eve is invited").wait_for()
    assert "/welcome/" in admin.page.locator("pre").inner_text()
    assert office.desk.store.count(Proposal) == 1


def test_the_second_factor_is_shown_to_scan(browser, house):
    _, platform = house
    page = Somebody(browser, platform, "owner", java_script_enabled=False).go("/settings").page
    page.get_by_role("button", name="Set up a second factor").click()
    picture = page.get_by_role("img", name="QR code")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100"), "the policy lets it be seen"


def test_axe_finds_nothing_nothing_spills_and_the_policy_holds(browser, house, axe, tmp_path):
    office, platform = house
    somebody_who_may_all(office.desk)
    paths = rooms(office, tmp_path)
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 320)):
        viewport = {"width": width, "height": 860}
        person = Somebody(browser, platform, "all", color_scheme=scheme, viewport=viewport)
        said: list[str] = []
        person.page.on("console", lambda message, said=said: said.append(message.text))
        person.page.on("pageerror", lambda error, said=said: said.append(str(error)))
        for path in paths:
            person.go(path).page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            assert person.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            if width == 1280 or (path.startswith(("/requests/", "/systems/", "/committee/")) and width == 390):
                assert violations(person.page, axe) == [], (path, scheme, width)
        blocked = [line for line in said if "Content Security Policy" in line or "Error:" in line]
        assert blocked == []
    assert person.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"


def test_the_keyboard_reaches_content_and_search_first(browser, house):
    _, platform = house
    page = Somebody(browser, platform, "owner").go("/systems").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Control+k")
    page.keyboard.type("nothing like it")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=nothing+like+it")
    assert "Nothing goes by that name" in page.inner_text("main")

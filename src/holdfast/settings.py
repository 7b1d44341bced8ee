"""How this installation runs: one frozen record, and the only reader of environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.domain.errors import FixInput


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """An OpenID Connect provider: its `issuer` (an URL), and what this platform is called there."""

    issuer: str
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one process.

    `home` keeps runs, cache, key and ledger (default: `.holdfast` beside the manifest). `workers` probes run side by
    side, as far as `memory_mb` allows. `backend` is a joblib backend (``loky``, ``dask``, ``ray``), `scheduler` its
    address. `plugins` names the distributions whose probes may load. `probe_seconds` ends a probe that hangs.
    `questionnaires` is a folder of the organisation's own classification questionnaires. People sign in to the control
    plane through `single_sign_on` too, where it is given. Sealed decisions lie at `segments`, a folder or a URI such as
    ``s3://bucket/prefix`` (default: beside the decision log); `master_key` wraps the keys of subjects (base64; default:
    a file in `home`). Alerts are written by the mail server `smtp` in the name of `sender`. Running releases are looked
    at every `watch_seconds`. Alerts, breakers and incidents are told as OCSF to `events`: a file, ``https://…``,
    ``syslog+tls://HOST:PORT`` or ``syslog+tcp://HOST:PORT``; `events_authorization` is what that header says
    there. Decisions are explained by the releases whose folders lie in `releases`.
    """

    home: Path | None = None
    workers: int = 1
    memory_mb: int = 4096
    backend: str = "loky"
    scheduler: str = ""
    plugins: tuple[str, ...] = ()
    probe_seconds: int = 3600
    questionnaires: Path | None = None
    single_sign_on: SingleSignOn | None = None
    segments: str = ""
    master_key: str = field(default="", repr=False)
    smtp: str = field(default="", repr=False)
    sender: str = "holdfast@localhost"
    watch_seconds: int = 60
    releases: Path | None = None
    events: str = ""
    events_authorization: str = field(default="", repr=False)

    def home_for(self, folder: Path) -> Path:
        """Where the state of a project in `folder` lives."""
        return self.home or folder / ".holdfast"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from ``HOLDFAST_*`` variables; FixInput names the one that cannot be read."""
    env = os.environ if environment is None else environment
    home, questionnaires = env.get("HOLDFAST_HOME"), env.get("HOLDFAST_QUESTIONNAIRES")
    return Settings(
        home=Path(home) if home else None,
        workers=_number(env, "HOLDFAST_WORKERS", _cores()),
        memory_mb=_number(env, "HOLDFAST_MEMORY_MB", _half_of_memory()),
        backend=env.get("HOLDFAST_BACKEND", "loky"),
        scheduler=env.get("HOLDFAST_SCHEDULER", ""),
        plugins=tuple(name for name in env.get("HOLDFAST_PLUGINS", "").split(",") if name),
        probe_seconds=_number(env, "HOLDFAST_PROBE_SECONDS", 3600),
        questionnaires=Path(questionnaires) if questionnaires else None,
        single_sign_on=_single_sign_on(env),
        segments=env.get("HOLDFAST_SEGMENTS", ""),
        master_key=env.get("HOLDFAST_MASTER_KEY", ""),
        smtp=env.get("HOLDFAST_SMTP", ""),
        sender=env.get("HOLDFAST_SENDER", "holdfast@localhost"),
        watch_seconds=_number(env, "HOLDFAST_WATCH_SECONDS", 60),
        releases=Path(env["HOLDFAST_RELEASES"]) if env.get("HOLDFAST_RELEASES") else None,
        events=env.get("HOLDFAST_EVENTS", ""),
        events_authorization=env.get("HOLDFAST_EVENTS_AUTHORIZATION", ""),
    )


def read_secret(name: str, environment: Mapping[str, str] | None = None) -> str:
    """The secret in a variable that a document names; FixInput where it is not set."""
    secret = (os.environ if environment is None else environment).get(name, "")
    if not secret:
        raise FixInput("settings.secret", f"{name} is not set.", "Set it, or name a file instead.")
    return secret


def _single_sign_on(env: Mapping[str, str]) -> SingleSignOn | None:
    names = ("HOLDFAST_OIDC_ISSUER", "HOLDFAST_OIDC_CLIENT_ID", "HOLDFAST_OIDC_CLIENT_SECRET")
    given = [env.get(name, "") for name in names]
    if not any(given):
        return None
    if not all(given):
        missing = names[given.index("")]
        raise FixInput("settings.oidc", f"{missing} is missing.", f"Set {', '.join(names)}, or none of them.")
    return SingleSignOn(*given)


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name)
    if text is None:
        return default
    if not text.isdigit() or int(text) < 1:
        raise FixInput("settings.not-a-number", f"{name}={text!r} is not a whole number above 0.", f"Try {default}.")
    return int(text)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _half_of_memory() -> int:
    try:
        return max(512, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21)
    except (ValueError, OSError):
        return 4096

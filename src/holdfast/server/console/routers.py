"""Every room of the console, in one list for the application."""

from __future__ import annotations

from holdfast.server.console import (
    appetite,
    classify,
    committee,
    data,
    decisions,
    home,
    ledger,
    people,
    releases,
    requests,
    sealers,
    search,
    settings,
    sign_in,
    single_sign_on,
    stop,
    system,
    systems,
)

CONSOLE = (
    sign_in.router,
    single_sign_on.router,
    home.router,
    search.router,
    systems.router,
    system.router,
    stop.router,
    decisions.router,
    classify.router,
    releases.router,
    data.router,
    requests.router,
    appetite.router,
    committee.router,
    ledger.router,
    sealers.router,
    people.router,
    settings.router,
)

"""All of the API."""

from holdfast.server.api import (
    admission,
    approvals,
    classifications,
    comments,
    datasets,
    deployments,
    evidence,
    ledger,
    people,
    proposals,
    releases,
    requests,
    sealers,
    systems,
    tokens,
    webhooks,
)

API = (
    systems.router,
    classifications.router,
    releases.router,
    evidence.router,
    requests.router,
    approvals.router,
    deployments.router,
    proposals.router,
    people.router,
    tokens.router,
    sealers.router,
    datasets.router,
    comments.router,
    ledger.router,
    admission.router,
    webhooks.router,
)

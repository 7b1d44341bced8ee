"""The data plane's door: only released models decide, each exchange is guarded, each decision is logged."""

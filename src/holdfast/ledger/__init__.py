"""The ledger: an append-only C2SP tlog-tiles log. `verify` stands alone, for an auditor without the rest."""

"""Models of language: conversations in the dialects of clients and hosts."""

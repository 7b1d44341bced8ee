"""The command line: a thin entrance. It translates arguments, calls one flow, and renders what comes back."""

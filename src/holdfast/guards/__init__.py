"""Guards: checks on one exchange at run time. One file each; `contract.py` is what a guard is."""

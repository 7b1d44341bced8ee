"""Planted flaws and clean twins, one file per family of probes."""

"""Probes: one file per attack, scan or test. `contract` is what a probe is; everything else here is one."""

"""The checkers, one invariant each, named as in docs/purse.md (`purse_i3`), docs/simulation.md (`flow_i5`) and
docs/ARCHITECTURE.md (`i_08`). None asks the system anything but to compare it with the truth."""

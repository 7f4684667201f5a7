"""What energy costs whom: tariffs, bills, the utility-only comparison and the money table. It pairs no energy
and moves no device; it only prices what a `Dispatch` says."""

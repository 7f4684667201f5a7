"""Devices of prosumers: one file a kind, equations with source, state in columns. Nothing here knows of
orders, prices other than the value of stored energy, or of the grid."""

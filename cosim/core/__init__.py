"""What every room shares: records that cross rooms, the clock, random streams, the registry and the base of
all configuration. Nothing here knows a market, a device or a grid."""

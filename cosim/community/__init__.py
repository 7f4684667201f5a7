"""A community: one feeder with its prosumers, market, tariffs and policies, and their state. It is the unit
of batching and of distribution: nothing here sees another community."""

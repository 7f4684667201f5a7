"""The network operator's room: grids, AC power flow, limits and what breaks them. It knows no prosumer and no
market; power at buses goes in, records of core come out."""

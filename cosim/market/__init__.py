"""The market room: order book, sessions, mechanisms, public information and audit. It knows orders, not
devices, grids or tariffs. Importing it is cheap; numba loads with the kernel."""

"""Time series of loads and production: SimBench, CSV and Parquet, Ausgrid's file, and the diversifier that
turns few shapes into many households. What a prosumer does with a load or a PV plant is not here."""

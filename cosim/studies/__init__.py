"""Studies: how good policies are, on weeks that they were not trained on. What a study consists of, how it is
measured and kept; a single run is the simulation's, and what it costs at best the analysis'."""

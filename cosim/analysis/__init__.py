"""What a run means: indicators, broken limits, comparisons. Numbers and frames in, numbers and frames out; no
file is read or written here."""

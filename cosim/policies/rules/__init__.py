"""Policies that do not learn, one file each, and the baseline that every policy is handed."""

"""Policies that plan: each prosumer for itself against prices, or all of a community at once by a linear
programme. They know devices as envelopes alone, and see what the outlook tells."""

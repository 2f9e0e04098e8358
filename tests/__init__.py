"""Tests of both halves, and the simulated org that they run against."""

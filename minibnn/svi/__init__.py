"""Stochastic variational inference: one door, ``fit.fit``, and the run behind it."""

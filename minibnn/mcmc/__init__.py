"""Draws from the posterior itself by Hamiltonian Monte Carlo; evidence by annealing."""

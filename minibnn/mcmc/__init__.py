"""Draws from the posterior itself by Hamiltonian Monte Carlo; evidence by annealing."""

from minibnn.mcmc.ais import Evidence, ais
from minibnn.mcmc.chains import Chains
from minibnn.mcmc.hmc import hmc

__all__ = ["hmc", "Chains", "ais", "Evidence"]

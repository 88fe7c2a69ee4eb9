"""What a prior over weights says of functions: the spread of a network's outputs."""

import numpy as np

from minibnn.equations import equation


@equation("E49")
def output_variance(net, prior, X):
    """Prior variance of the outputs f(x) of a ReLU network, at any width and depth.

    (E49)  Var z_j = Σ_i s_ij² E[A_i²],   E[A_j²] = Var z_j / 2,   Var f = Var z of the last
    Derivation.  z_j = Σ_i w_ij A_i, weights independent of each other and of A, of mean
        zero and standard deviation s_ij. So E[z_j] = 0, and in E[z_j²] the mixed terms
        vanish: Var z_j = Σ_i s_ij² E[A_i²]. The weights have symmetric densities, so z
        and -z are equally probable and E[max(z, 0)²] is half of E[z²]. The first A is
        [x; 1], later ones are [max(z, 0); 1]. A layer of H equal units contributes
        H s² E[A²]: with s² ∝ 1/H the variance does not depend on the width.
    Source.  Neal 1996, sec. 2.1; the half is that of He et al. 2015, sec. 2.2.
    Shapes.  X (N, D)  ->  (N, C), in squared units of f

    Raises ValueError for another activation, or a prior whose mean is not 0.
    """
    mean, sd = prior.mean_and_sd(net.n_weights)
    if net.activation != "relu" or np.any(mean):
        raise ValueError(
            f"net must have ReLU units and prior mean 0, got {net!r} and {prior!r}"
        )
    square = net.features(X) ** 2
    for block in net.blocks(np.asarray(sd) ** 2):
        variance = square @ block
        square = net.features(0.5 * variance)
    return variance

"""The error of a diverging run names the term and the layer."""

import numpy as np
import pytest

import minibnn as mb
from minibnn.svi.failure import autopsy, blocks, largest, named_params, not_finite

NET = mb.MLP([2, 3, 1])
MODEL = mb.Model(NET, mb.Gaussian("learned"), mb.GaussianPrior())
PLAIN = mb.Model(mb.MLP([2, 3, 1], bias=False), mb.Bernoulli(), mb.GaussianPrior())
FAMILIES = {
    "MeanField": mb.MeanField(),
    "FullCovariance": mb.FullCovariance(),
    "Point": mb.Point(),
    "InferenceNetwork": mb.InferenceNetwork(
        mb.MLP([2, 4, 2 * MODEL.n_weights]), [[0.1, 0.2], [0.3, 0.4]]
    ),
}
GOOD = {"nll": 1.0, "kl": 1.0}
DATA = np.zeros((1, 3)), np.zeros(1)  # smaller than any parameter


@pytest.mark.parametrize("name", FAMILIES)
def test_blocks_cover_every_number_once(name):
    for key, shape in FAMILIES[name].shapes(MODEL).items():
        count = np.zeros(shape, int)
        for _, part in blocks(MODEL, FAMILIES[name], key):
            count[part] += 1
        np.testing.assert_array_equal(count, 1)


@pytest.mark.parametrize("replicas", [(), (4,)])
@pytest.mark.parametrize(
    ("layer", "part", "name"),
    [
        (0, 0, "layer 1 weights"),
        (0, 1, "layer 1 biases"),
        (1, 0, "layer 2 weights"),
        (1, 1, "layer 2 biases"),
    ],
)
def test_the_layer_is_the_one_unpack_gives(layer, part, name, replicas):
    flat, w = np.zeros(NET.n_weights), np.zeros((*replicas, MODEL.n_weights))
    NET.unpack(flat)[layer][part][..., 0] = np.nan
    w[..., : NET.n_weights] = flat
    assert not_finite(MODEL, mb.MeanField(), {"mu": w}) == f"{name} (mu)"
    said = autopsy(
        MODEL, mb.MeanField(), {"mu": np.full(w.shape, 2.0)}, {"mu": w}, GOOD, DATA
    )
    assert said.startswith(f"gradient of {name} (mu); the largest number is 2, in mu")


def test_the_likelihoods_own_weight_has_a_name():
    w = np.zeros(MODEL.n_weights)
    w[-1] = np.inf
    said = not_finite(MODEL, mb.MeanField(), {"mu": w, "rho": w})
    assert said == "noise scale (mu, rho)"


def test_a_row_of_the_triangle_belongs_to_its_weight():
    family, n = mb.FullCovariance(), MODEL.n_weights
    for i in range(1, n):
        low = np.zeros((n, n))
        low[i, i - 1] = np.nan
        flat = low[np.tril_indices(n, -1)]
        weight = np.zeros(n)
        weight[i] = np.nan
        want = not_finite(MODEL, family, {"mu": weight}).replace("mu", "low")
        assert not_finite(MODEL, family, {"low": flat}) == want


def test_terms_and_the_largest_number():
    params = {"mu": np.zeros(9), "rho": np.ones(9)}
    params["mu"][7] = -3e160
    nothing = {"mu": np.zeros(9), "rho": np.zeros(9)}
    parts = {"nll": np.array([1.0, np.inf]), "kl": np.nan}
    assert autopsy(PLAIN, mb.MeanField(), params, nothing, parts, DATA) == (
        "data term and the KL term; the largest number is 3e+160, "
        "in mu of layer 2 weights"
    )
    said = autopsy(PLAIN, mb.MeanField(), nothing, nothing, GOOD, DATA)
    assert said.startswith("loss; ")


@pytest.mark.parametrize("place", ["column 0 of X", "column 1 of X", "y"])
def test_the_largest_number_may_stand_in_the_data(place):
    A, y = np.ones((4, 3)), np.ones(4)
    (y if place == "y" else A[:, int(place[7])])[2] = -1e150
    params = {"mu": np.full(9, 7.0), "rho": np.ones(9)}
    said = autopsy(PLAIN, mb.MeanField(), params, params, GOOD, (A, y))
    assert said == f"loss; the largest number is 1e+150, in {place}"
    only_kl = GOOD | {"kl": np.inf}
    said = autopsy(PLAIN, mb.MeanField(), params, params, only_kl, (A, y))
    assert said == "KL term; the largest number is 7, in mu of layer 2 weights"


def test_what_is_not_a_number_counts_as_largest():
    params = {"mu": np.array([-5.0, *np.zeros(8)]), "rho": np.zeros(9)}
    said = largest(named_params(PLAIN, mb.MeanField(), params))
    assert said == "the largest number is 5, in mu of layer 1 weights"
    params["rho"][7] = np.nan
    said = largest(named_params(PLAIN, mb.MeanField(), params))
    assert said == "the largest number is inf, in rho of layer 2 weights"


def test_the_inference_network_has_layers_of_its_own():
    family = FAMILIES["InferenceNetwork"]
    phi = np.zeros(family.network.n_weights)
    phi[0] = np.nan
    said = not_finite(MODEL, family, {"phi": phi})
    assert said == "inference network layer 1 weights (phi)"


def test_a_family_of_ones_own_is_named_by_its_keys():
    assert not_finite(MODEL, object(), {"theta": np.array([np.nan])}) == "theta (theta)"

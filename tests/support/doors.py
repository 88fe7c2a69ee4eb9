"""Every public door with a good call, and for every kind of argument what is bad.

``DOORS``: name -> Door(function, good arguments). ``KINDS``: kind -> bad values, all of
which must be refused. What kind a parameter is says ``kind_of``: by its name, unless the
door says otherwise. Names of doors are those of the public surface, so that a test can
see which are missing.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from support import bad_inputs as world

import minibnn as mb
from minibnn import datasets, metrics, plots
from minibnn.datasets import rupture_data
from minibnn.diagnosis import points
from minibnn.likelihoods import ALL
from minibnn.rupture import study as rupture

X, Y, REALS, PARAMS, P = world.X, world.Y, world.REALS, world.PARAMS, world.P
NAN, INF, HUGE = np.nan, np.inf, 10**400
LINE, YES_NO, FAMILY = world.LINE, world.YES_NO, world.FAMILY
W = np.zeros(P)
CASE = points.generic(YES_NO, FAMILY)
GRID = mb.grid_posterior(world.ONE, X[:, :1], REALS)
LAPLACE = mb.laplace(YES_NO, X, Y, W)
NETWORK = world.network([0.5, 1.0])
TASKS = world.fit(family=NETWORK)
REPORT = world.checked()
REPLICAS = world.fit(replicas=2)
Q = mb.fit(LINE, FAMILY, X, REALS, rng=0, start=None, max_steps=1).q
DATA = datasets.cubic()
SCIKIT = {"hidden": (), "max_steps": 1, "n_samples": 3, "random_state": 0}
REGRESSOR = mb.BNNRegressor(**SCIKIT).fit(X, REALS)
CLASSIFIER = mb.BNNClassifier(**SCIKIT).fit(X, Y)
SCIKIT_FINE = (("X", "object array"), ("y", "object array"))  # of numbers
UNITS = mb.Standardiser.of(X, REALS)
PROBABILITIES = np.full(len(Y), 0.25)
CURVE = world.fit(
    world.ONE, X=X[:, :1], y=REALS
).predict(X[:, :1], n_samples=5)  # fmt: skip


PANELS = list(Figure().subplots(2, 1))
PICTURED = {"y": "optional vector", "output": "optional output"}
OF_CHAINS = {
    "chains": "chains", "X": "optional free X", "which": "optional indices",
    "ax": "optional panels",
}  # fmt: skip


class Thing:
    """An object of a class nobody knows."""

    def __repr__(self):
        return "a thing"


# --- bad values ----------------------------------------------------------------------

NOTHING = {"None": None}
STRANGE = {  # refused wherever an array or a number is wanted
    "text": "text",
    "thing": Thing(),
    "class": mb.MLP,
    "dict": {"a": 1},
    "set": {1, 2},
    "complex": 1j,
    "bytes": b"abc",
    "function": len,
}
NO_NUMBER = NOTHING | STRANGE | {
    "nan": NAN, "inf": INF, "-inf": -INF, "True": True, "np.True_": np.True_,
    "list": [1.0, 2.0], "array": np.ones(2), "huge": HUGE, "digits": 10**5000,
}  # fmt: skip
NO_INT = NO_NUMBER | {"half": 2.5, "float": 2.0, "text of a number": "3"}
NO_OBJECT = NOTHING | STRANGE | {"three": 3, "nan": NAN, "array": np.ones(3)}
NO_ARRAY = NOTHING | STRANGE | {
    "ragged": [[1.0, 2.0], [3.0]], "texts": ["a", "b"], "objects": np.full(3, Thing()),
    "Nones": [None, None], "huge": HUGE, "empty": [], "dates": np.zeros(3, "M8[D]"),
    "masked": np.ma.zeros(3), "generator": (i for i in range(3)),
    "deep": np.ones((1, 1, 1, 1)), "record": np.zeros(2, [("a", float)]),
}  # fmt: skip


def spoilt(array):
    """Bad values made from a good array."""
    array = np.asarray(array, float)
    return NO_ARRAY | {
        "nan": world.put(array, NAN),
        "inf": world.put(array, INF),
        "complex array": array + 0j,
        "text array": array.astype(str),
        "object array": array.astype(object),
        "one axis more": np.array([array]),
        "longer": np.concatenate([array, array]),
        "scalar": 1.0,
    }


def without(values, *names):
    return {key: value for key, value in values.items() if key not in names}


FREE = ("longer",)  # any number of rows will do
NO_RNG = without(NO_OBJECT, "None", "three", "array") | {
    "float": 1.5, "negative": -1, "True": True, "digits": 10**5000,
}  # fmt: skip
PATHS = without(NO_OBJECT, "text") | {"empty": "", "no folder": "nowhere/run.npz"}
KINDS = {
    "int": NO_INT,
    "count": NO_INT | {"zero": 0, "negative": -1},
    "number": NO_NUMBER,
    "positive": NO_NUMBER | {"zero": 0.0, "negative": -1.0},
    "not negative": NO_NUMBER | {"negative": -1.0},
    "q's": NO_ARRAY | {
        "zero": 0.0, "one": 1.0, "nan": NAN, "inf": [0.5, INF], "two": [0.1, 2.0],
        "matrix": np.full((2, 2), 0.5), "True": True,
    },
    "fraction": NO_NUMBER | {"two": 2, "negative": -0.5},
    "open fraction": NO_NUMBER | {"zero": 0, "one": 1, "two": 2, "negative": -0.5},
    "scale": without(NO_NUMBER, "list", "array") | {"zero": 0.0, "negative": -1.0},
    "bool": NO_OBJECT | {"zero": 0, "one": 1},
    "choice": NO_OBJECT | {"list": ["auto"], "one": 1},
    "rng": NO_RNG | {"RandomState": np.random.RandomState(0)},
    "function": without(NO_OBJECT, "function"),
    "model": NO_OBJECT | {"class itself": mb.Model, "net": world.NET, "family": FAMILY},
    "net": NO_OBJECT | {"list": [2, 1], "model": YES_NO},
    "family": NO_OBJECT | {"class itself": mb.MeanField, "model": YES_NO},
    "estimator": without(NO_OBJECT, "None") | {"class itself": mb.Pathwise},
    "likelihood": NO_OBJECT | {"class itself": mb.Bernoulli, "prior": world.PRIOR},
    "prior": NO_OBJECT | {"class itself": mb.GaussianPrior, "likelihood": mb.Bernoulli()},
    "optimizer": without(NO_OBJECT, "None") | {"class itself": mb.Adam},
    "lr": without(NO_NUMBER, "function") | {"zero": 0.0, "negative": -0.1},
    "case": NO_OBJECT | {"class itself": points.Case, "model": YES_NO},
    "result": NO_OBJECT | {"class itself": mb.FitResult, "params": PARAMS},
    "prediction": NO_OBJECT | {"class itself": mb.Prediction, "result": world.RESULT},
    "q": NO_OBJECT | {"params": PARAMS, "result": world.RESULT, "other": world.RESULT.q},
    "start": without(NO_OBJECT, "None") | {"class itself": dict},
    "params": NO_OBJECT | {
        "empty": {}, "one": {"mu": W}, "more": PARAMS | {"low": W}, "short": world.OTHER,
        "nan": PARAMS | {"mu": world.put(W, NAN)}, "None in it": PARAMS | {"mu": None},
        "text in it": PARAMS | {"mu": "0"}, "thing in it": PARAMS | {"mu": Thing()},
        "scalar": PARAMS | {"mu": 0.0}, "ragged": PARAMS | {"rho": [[1.0], [1.0, 2.0]]},
    },
    "noise": without(spoilt(world.NOISE), "longer", "complex array", "one axis more"),
    "X": without(spoilt(X), "one axis more", "longer") | {"wide": np.ones((12, 5))},
    "y": spoilt(Y) | {"two": Y + 2, "half": Y + 0.5},
    "any y": without(spoilt(Y), "one axis more"),
    "labels": NO_ARRAY | {
        "nan": world.put(Y, NAN), "inf": world.put(Y, INF), "half": Y + 0.5,
        "longer": np.concatenate([Y, Y]), "one axis more": np.array([Y]),
    },
    "real y": without(spoilt(REALS)) | {"bool": Y > 0},
    "standardise": NO_OBJECT | {
        "zero": 0, "one": 1, "class itself": mb.Standardiser,
        "other columns": mb.Standardiser(np.zeros(5), np.ones(5)),
        "of y": mb.Standardiser(np.zeros(2), np.ones(2), [0.0], [1.0]),
    },
    "mean": without(spoilt(np.zeros(2)), "deep", "longer", "one axis more") | {
        "three": np.zeros(3),
    },
    "sd": without(spoilt(np.ones(2)), "deep", "longer", "one axis more") | {
        "three": np.ones(3), "zero": [1.0, 0.0], "negative": [1.0, -1.0],
    },
    "any X": without(spoilt(X), "one axis more", *FREE),
    "random state": NO_RNG,
    "free X": without(spoilt(X), *FREE) | {"wide": np.ones((12, 5))},
    "weights": spoilt(W),
    "row weights": spoilt(np.ones(len(Y))) | {
        "negative": -np.ones(len(Y)), "zeros": np.zeros(len(Y)),
    },
    "w": without(spoilt(W), "one axis more"),
    "vector": without(spoilt(REALS), "one axis more"),
    "array": without(spoilt(REALS), "one axis more", "longer", "deep", "scalar"),
    "path": PATHS,
    "names": without(NO_OBJECT, "set") | {"one": ["a"], "scalar array": np.array(1.0)},
}  # fmt: skip
ROW = without(spoilt(np.ones(2)), "longer")
KINDS |= {
    "ax": NO_OBJECT,
    "size": NO_INT | {"negative": -1},
    "below one": NO_NUMBER | {"one": 1.0, "negative": -0.5},
    "pair": NO_OBJECT | {"one": [1.0], "three": (0, 1, 2), "sd": (0, 0), "nan": (NAN, 1)},
    "sizes": NO_OBJECT | {
        "one width": [3], "zero": [2, 0], "float": [2, 1.5], "huge": [2, HUGE, 1],
        "million": [2, 10**15, 1], "None in it": [2, None], "True": [2, True],
    },
    "prior array": NO_ARRAY | {
        "nan": NAN, "inf": INF, "matrix": np.ones((2, 2)), "bool": True,
    },
    "prior scale": NO_ARRAY | {
        "nan": NAN, "inf": INF, "zero": 0.0, "negative": -1.0, "one zero": [1.0, 0.0],
        "matrix": np.ones((2, 2)), "bool": True,
    },
    "flat": without(NO_ARRAY, "deep") | {"short": W[1:], "scalar": 1.0},
    "layers": NO_OBJECT | {
        "one": [(W, W)], "text in it": ["a", "b"], "ragged": [[1], [2]],
        "things": [(Thing(), Thing())] * 2,
        "texts": [(np.full((2, 3), "a"), np.ones(3)), (np.ones((3, 1)), np.ones(1))],
    },
    "context": without(ROW, "one axis more", "empty") | {"three": [1.0, 2, 3]},
    "starts": spoilt(np.zeros((2, 3))),
    "watch": without(spoilt(X), "longer") | {"wide": np.ones((12, 5))},
    "own weights": spoilt(np.zeros(3)),
    "rows": without(spoilt(np.zeros((3, 2))), "longer", "empty"),
    "sample": without(spoilt(REALS), "longer", "complex array", "one axis more", "deep"),
    "numbers": without(spoilt(REALS), "longer", "complex array", "one axis more", "deep",
                       "scalar", "complex", "empty"),
    "point": without(
        spoilt(np.ones(2)), "longer", "scalar", "one axis more", "dict", "deep"
    ),
    "gradient": without(spoilt(np.ones(2)), "function", "inf", "nan"),
    "gradients": without(KINDS["params"], "function"),
    "blocks": without(NO_OBJECT, "dict") | {"short": ["a"], "sizes": {"a": 1},
                                            "half": {"a": 1.5}, "zero": {"a": 2, "b": 0}},
    "faults": spoilt(np.ones((12, 8))),
    "probabilities": without(spoilt(np.full((5, 3), 0.25)), "longer", "scalar")
    | {"above": np.full((5, 3), 1.5)},
    "pair of arrays": without(NO_OBJECT, "None") | {
        "one": [REALS], "unequal": (REALS, REALS[1:]),
    },
    "indices": NO_OBJECT | {"half": 0.5, "beyond": [99], "negative": [-1], "empty": [],
                            "float": [1.0], "True": True, "text in it": ["a"]},
    "folder": without(PATHS, "empty", "no folder", "text"),
    "settings": NO_OBJECT | {"class itself": dict},
    "chains": NO_OBJECT | {"class itself": type(world.CHAINS), "result": world.RESULT},
    "panels": NO_OBJECT | {"one": [PANELS[0]], "three axes": [*PANELS, PANELS[0]]},
    "output": NO_INT | {"negative": -1, "beyond": 9},
}  # fmt: skip
OPTIONAL = {name: without(values, "None") for name, values in KINDS.items()}

# --- what kind a parameter is, by its name --------------------------------------------

BY_NAME = {
    "model": "model", "family": "family", "net": "net", "network": "net",
    "likelihood": "likelihood", "prior": "prior", "estimator": "estimator",
    "optimizer": "optimizer", "X": "X", "y": "y", "rng": "rng", "case": "case",
    "params": "params", "noise": "noise", "n_samples": "count", "max_steps": "count",
    "batch_size": "optional count", "restarts": "count", "kl_weight": "not negative",
    "replicas": "optional count", "kl_warmup": "fraction", "verbose": "bool",
    "clip": "optional positive", "stop": "optional function", "weights": "weights",
    "elbo_samples": "optional count",
    "callback": "optional function", "checkpoint": "optional path", "start": "start",
    "n_data": "optional count", "tol": "positive", "kinks": "choice", "lr": "lr",
    "max_coordinates": "count", "n_particles": "count", "n_temperatures": "count",
    "n_leapfrog": "count", "n_chains": "count", "n_draws": "count", "n_warmup": "count",
    "max_draws": "count",
    "path_length": "positive", "max_leapfrog": "count", "target_accept": "open fraction",
    "generating_weights": "optional weights", "path": "path", "every": "count",
    "level": "open fraction", "activation": "choice", "bias": "bool", "regime": "choice",
    "threshold": "fraction", "n_bins": "count", "p": "array", "result": "result",
    "prediction": "prediction", "q": "q", "ax": "optional ax", "n": "count", "d": "count",
    "window": "count", "names": "optional names", "w": "w", "sigma": "positive",
    "standardise": "standardise", "sample_weight": "optional row weights",
}  # fmt: skip


@dataclass
class Door:
    """A function, a good call of it, and parameters that are of another kind.

    kinds: parameter -> kind, or "free" where nothing can be bad. fine: (parameter, name
    of a bad value) that this door takes all the same.
    """

    call: Any
    good: dict = field(default_factory=dict)
    kinds: dict = field(default_factory=dict)
    fine: tuple = ()

    def parameters(self):
        """Names of the parameters, as the signature has them."""
        parameters = inspect.signature(self.call).parameters.values()
        return [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]

    def kind_of(self, parameter):
        """The kind of a parameter; KeyError: say it in BY_NAME or here."""
        return self.kinds.get(parameter) or BY_NAME[parameter]

    def bad_values(self, parameter):
        """Name -> value of everything the parameter must refuse."""
        kind = self.kind_of(parameter)
        if kind == "free":
            return {}
        table = OPTIONAL if kind.startswith("optional ") else KINDS
        values = table[kind.removeprefix("optional ")]
        return {k: v for k, v in values.items() if (parameter, k) not in self.fine}


def likelihood_door(cls):
    """The class says what its arguments are, and its last example has good ones."""
    like, names = cls.examples()[-1][0], list(inspect.signature(cls).parameters)
    kinds = dict(zip(names, cls.argument_kinds, strict=True))
    return Door(cls, {name: getattr(like, name) for name in names}, kinds)


def scikit_doors(kind, y):
    """The methods that both estimators have; the constructor takes what fit refuses."""
    fitted, good = (REGRESSOR, REALS) if y == "real y" else (CLASSIFIER, Y)
    data = {"X": X, "y": good}
    free = {name: "free" for name in inspect.signature(kind).parameters}
    return {
        "": Door(kind, {}, free),
        ".fit": Door(
            kind(**SCIKIT).fit, data, {"X": "any X", "y": y}, SCIKIT_FINE
        ),
        ".predict": Door(
            fitted.predict, {"X": X}, {"X": "free X", "return_std": "free"},
            SCIKIT_FINE,
        ),
        ".predictive": Door(fitted.predictive, {"X": X}, {"X": "free X"}, SCIKIT_FINE),
        ".score": Door(fitted.score, data, {"X": "X", "y": y}, SCIKIT_FINE),
        ".get_params": Door(fitted.get_params, {}, {"deep": "free"}),
        ".set_params": Door(fitted.set_params, {}, {"params": "free"}),
    }


DOORS = {
    # the model
    "MLP": Door(mb.MLP, {"sizes": [2, 3, 1]}, {"sizes": "sizes"}),
    "Model": Door(
        mb.Model, dict(net=world.NET, likelihood=mb.Bernoulli(), prior=world.PRIOR)
    ),
    **{cls.__name__: likelihood_door(cls) for cls in (*ALL, mb.rupture.SigmoidGaussian)},
    "Weighted": Door(mb.Weighted, {"likelihood": mb.Bernoulli()}),
    "GaussianPrior": Door(
        mb.GaussianPrior, kinds={"mean": "prior array", "scale": "prior scale"}
    ),
    "GaussianPrior.per_layer": Door(
        mb.GaussianPrior.per_layer,
        {"net": world.NET, "scales": [1.0, 2.0]},
        {"scales": "array", "mean": "prior array"},
    ),
    "GaussianPrior.fan_in": Door(
        mb.GaussianPrior.fan_in,
        {"net": world.NET},
        {"scale": "positive", "bias_scale": "positive"},
    ),
    "LaplacePrior": Door(mb.LaplacePrior, kinds={"b": "prior scale"}),
    "ScaleMixturePrior": Door(
        mb.ScaleMixturePrior,
        kinds={"pi": "open fraction", "s1": "positive", "s2": "positive"},
    ),
    "learned_prior": Door(
        mb.learned_prior,
        dict(model=YES_NO, family=FAMILY, params=PARAMS),
        {"mean": "number"},
    ),
    "MLP.__call__": Door(world.NET.__call__, {"w": W, "X": X}, {"X": "free X"}),
    "MLP.unpack": Door(world.NET.unpack, {"w": W}, {"w": "flat"}),
    "MLP.pack": Door(
        world.NET.pack, {"layers": world.NET.unpack(W)}, {"layers": "layers"}
    ),
    "Model.log_joint": Door(YES_NO.log_joint, {"w": W, "X": X, "y": Y}),
    "Model.initial_weights": Door(YES_NO.initial_weights, {"rng": 0}),
    # families and estimators
    "MeanField": Door(mb.MeanField, kinds={"scale": "choice"}),
    "MeanField.init": Door(FAMILY.init, {"model": YES_NO}),
    "Point": Door(mb.Point),
    "Point.init": Door(mb.Point().init, {"model": YES_NO}),
    "FullCovariance": Door(mb.FullCovariance, kinds={"scale": "choice"}),
    "FullCovariance.init": Door(mb.FullCovariance().init, {"model": YES_NO}),
    "InferenceNetwork": Door(
        mb.InferenceNetwork,
        dict(network=mb.MLP([2, 2 * P]), context=[0.5, 1.0]),
        {"context": "context", "scale": "choice"},
    ),
    "InferenceNetwork.init": Door(NETWORK.init, {"model": YES_NO}),
    "InferenceNetwork.at": Door(
        NETWORK.at, {"context": [1.0, 2.0]}, {"context": "context"}
    ),
    "Pathwise": Door(mb.Pathwise, kinds={"antithetic": "bool"}),
    "LocalReparam": Door(mb.LocalReparam),
    "Flipout": Door(mb.Flipout),
    "ScoreFunction": Door(mb.ScoreFunction),
    "StickTheLanding": Door(mb.StickTheLanding),
    "Exact": Door(mb.Exact),
    "neg_elbo": Door(
        mb.neg_elbo,
        dict(model=YES_NO, family=FAMILY, params=PARAMS, noise=world.NOISE, X=X, y=Y),
    ),
    # optimisers
    "SGD": Door(mb.SGD, {"lr": 0.1}),
    "Momentum": Door(mb.Momentum, {"lr": 0.1}, {"beta": "fraction"}),
    "Adam": Door(
        mb.Adam, {}, {"beta1": "below one", "beta2": "below one", "eps": "positive"}
    ),
    "NaturalGradient": Door(mb.NaturalGradient, {"lr": 0.1}),
    "Cosine": Door(
        mb.Cosine,
        {"lr": 0.1},
        {"lr": "positive", "final": "not negative", "steps": "optional count"},
    ),
    "RobbinsMonro": Door(
        mb.RobbinsMonro,
        {"lr": 0.1},
        {"lr": "positive", "delay": "positive", "power": "fraction"},
    ),
    "Plateau": Door(mb.Plateau, {}, {"z": "positive"}),
    "Checkpoint": Door(
        mb.Checkpoint, {"path": "run.npz"}, fine=(("path", "no folder"),)
    ),
    # the loop and what it gives
    "fit": Door(
        mb.fit,
        dict(model=YES_NO, family=FAMILY, X=X, y=Y, rng=0, max_steps=1, start=None),
        fine=(("elbo_samples", "zero"),),
    ),
    "Standardiser": Door(
        mb.Standardiser,
        dict(X_mean=[0, 0], X_sd=[1, 1], y_mean=[0, 0], y_sd=[1, 1]),
        {"X_mean": "mean", "X_sd": "sd", "y_mean": "mean", "y_sd": "sd"},
        fine=(("y_mean", "three"), ("y_sd", "three")),
    ),
    "Standardiser.of": Door(
        mb.Standardiser.of,
        {"X": X, "y": REALS},
        {"y": "optional any y"},
        fine=(("X", "wide"),),
    ),
    "Standardiser.inputs": Door(
        UNITS.inputs, {"X": X}, {"X": "free X"}, fine=(("X", "one axis more"),)
    ),
    "Standardiser.targets": Door(
        UNITS.targets,
        {"y": REALS},
        {"y": "real y"},
        fine=(("y", "longer"), ("y", "empty")),
    ),
    "FitResult.predict": Door(
        world.RESULT.predict, {"X": X, "n_samples": 3}, {"X": "free X"}
    ),
    "FitResult.sample_weights": Door(world.RESULT.sample_weights, {"n_samples": 3}),
    "FitResult.to_inference_dict": Door(
        world.RESULT.to_inference_dict, {"X": X, "y": Y, "n_samples": 3}
    ),
    "FitResult.save": Door(world.RESULT.save, {"path": "fit.npz"}),
    "FitResult.load": Door(
        mb.FitResult.load, {"path": "saved.npz"}, fine=(("path", "no folder"),)
    ),
    "FitResult.at": Door(TASKS.at, {"context": [1.0, 2.0]}, {"context": "context"}),
    "FitResult.replica": Door(REPLICAS.replica, {"i": 0}, {"i": "int"}),
    "Prediction.interval": Door(world.PRED.interval),
    "Prediction.log_prob": Door(world.PRED.log_prob, {"y": Y}),
    "Prediction.crps": Door(CURVE.crps, {"y": REALS}, {"y": "real y"}),
    "Prediction.sample": Door(CURVE.sample, {"n": 3}),
    "Prediction.quantile": Door(world.PRED.quantile, {"q": [0.1, 0.9]}, {"q": "q's"}),
    # the same in the manners of scikit-learn
    **{
        f"{name}{method}": door
        for name, kind, y in (
            ("BNNRegressor", mb.BNNRegressor, "real y"),
            ("BNNClassifier", mb.BNNClassifier, "labels"),
        )
        for method, door in scikit_doors(kind, y).items()
    },
    "BNNRegressor.sample_y": Door(
        REGRESSOR.sample_y,
        {"X": X},
        {"X": "free X", "random_state": "random state"},
        SCIKIT_FINE,
    ),
    "BNNClassifier.predict_proba": Door(
        CLASSIFIER.predict_proba, {"X": X}, {"X": "free X"}, SCIKIT_FINE
    ),
    "BNNClassifier.predict_log_proba": Door(
        CLASSIFIER.predict_log_proba, {"X": X}, {"X": "free X"}, SCIKIT_FINE
    ),
    # references
    "hmc": Door(
        mb.hmc,
        dict(model=LINE, X=X, y=REALS, rng=0, n_chains=2, n_draws=8, n_warmup=20),
        {"y": "real y", "init": "optional starts", "watch": "optional watch"},
    ),
    "Chains.predict": Door(
        world.CHAINS.predict, {"X": X}, {"X": "free X", "n_samples": "optional count"}
    ),
    "Chains.outputs": Door(world.CHAINS.outputs, {"X": X}, {"X": "free X"}),
    "Chains.r_hat": Door(world.CHAINS.r_hat, {"X": X}, {"X": "optional free X"}),
    "Chains.ess": Door(world.CHAINS.ess, {"X": X}, {"X": "optional free X"}),
    "Chains.summary": Door(world.CHAINS.summary, {"X": X}, {"X": "optional free X"}),
    "Chains.floor": Door(world.CHAINS.floor, {"X": X}, {"X": "free X"}),
    "Chains.to_inference_dict": Door(
        world.CHAINS.to_inference_dict, {"X": X, "y": REALS}, {"y": "real y"}
    ),
    "ExactPosterior.to_inference_dict": Door(
        world.EXACT.to_inference_dict,
        {"X": X, "y": REALS, "n_samples": 3},
        {"y": "real y"},
    ),
    "exact_posterior": Door(
        mb.exact_posterior, {"model": LINE, "X": X, "y": REALS}, {"y": "real y"}
    ),
    "ExactPosterior.predict": Door(world.EXACT.predict, {"X": X}, {"X": "free X"}),
    "ExactPosterior.sample_weights": Door(world.EXACT.sample_weights, {"n_samples": 3}),
    "ExactPosterior.decompose": Door(world.EXACT.decompose, {"q": Q}),
    "ExactPosterior.kl_from": Door(world.EXACT.kl_from, {"q": Q}),
    "GaussianPrediction.interval": Door(world.EXACT.predict(X).interval),
    "GaussianPrediction.quantile": Door(
        world.EXACT.predict(X).quantile, {"q": [0.1, 0.9]}, {"q": "q's"}
    ),
    "GaussianPrediction.log_prob": Door(
        world.EXACT.predict(X).log_prob, {"y": REALS}, {"y": "real y"}
    ),
    "grid_posterior": Door(
        mb.grid_posterior,
        {"model": world.ONE, "X": X[:, :1], "y": REALS, "tol": 1.0},
        {"y": "real y"},
    ),
    "GridPosterior.log_density": Door(
        GRID.log_density, {"w": np.zeros((3, 2))}, {"w": "rows"}
    ),
    "GridPosterior.expect": Door(GRID.expect, {"f": np.square}, {"f": "function"}),
    "GridPosterior.decompose": Door(
        GRID.decompose,
        {
            "q": Q._replace(
                mean=Q.mean[:2], sigma=Q.sigma[:2], log_sigma=Q.log_sigma[:2]
            )
        },
    ),
    "laplace": Door(mb.laplace, {"model": YES_NO, "X": X, "y": Y, "weights": W}),
    "LaplacePosterior.to_inference_dict": Door(
        LAPLACE.to_inference_dict, {"X": X, "y": Y, "n_samples": 3}
    ),
    "LaplacePosterior.predict": Door(LAPLACE.predict, {"X": X}, {"X": "free X"}),
    "LaplacePosterior.output_moments": Door(
        LAPLACE.output_moments, {"X": X}, {"X": "free X"}
    ),
    "LaplacePosterior.sample_weights": Door(LAPLACE.sample_weights, {"n_samples": 3}),
    "ais": Door(
        mb.ais,
        dict(model=LINE, X=X, y=REALS, rng=0, n_particles=4, n_temperatures=3),
        {"y": "real y", "generating_weights": "optional own weights"},
    ),
    "normal_log_likelihood": Door(
        mb.normal_log_likelihood,
        {"x": REALS, "mu": 0.0, "sigma": 1.0},
        {"x": "sample", "mu": "numbers", "sigma": "numbers"},
    ),
    # the laboratory
    "check_gradient": Door(
        mb.check_gradient,
        dict(f=world.square, grad=world.twice, x=np.ones(2)),
        {
            "f": "function",
            "grad": "gradient",
            "x": "point",
            "blocks": "optional blocks",
            "tol": "optional positive",
            "max_coordinates": "size",
            "names": "optional names",
        },
        fine=(("names", "scalar array"), ("blocks", "set")),
    ),
    "check_adjoint": Door(
        mb.check_adjoint,
        dict(forward=np.square, pullback=lambda u: 2 * u, x=np.ones(2)),
        {
            "forward": "function",
            "pullback": "function",
            "x": "point",
            "tol": "optional positive",
            "max_coordinates": "size",
        },
    ),
    "diagnose": Door(
        mb.diagnose,
        {"student_gradient": CASE.gradient(), "case": CASE},
        {"student_gradient": "gradients"},
    ),
    "GradientReport.plot": Door(REPORT.plot, {"ax": "axes"}, {"kind": "choice"}),
    "points.Case": Door(
        points.Case,
        dict(model=YES_NO, family=FAMILY, params=PARAMS, noise=world.NOISE, X=X, y=Y),
    ),
    "points.generic": Door(points.generic, {"model": YES_NO, "family": FAMILY}),
    "points.lint": Door(points.lint, {"case": CASE}),
    # data, scores
    "datasets.rupture": Door(
        datasets.rupture,
        {},
        {"path": "optional folder", "labels": "choice", "damage": "bool"},
    ),
    "datasets.blundell": Door(datasets.blundell, {}, {"noise": "positive"}),
    "datasets.cubic": Door(datasets.cubic),
    "datasets.two_clusters": Door(datasets.two_clusters),
    "datasets.linear": Door(datasets.linear, {}, {"noise": "positive"}),
    "datasets.two_moons": Door(datasets.two_moons, {}, {"noise": "not negative"}),
    "datasets.Dataset": Door(
        datasets.Dataset,
        dict(X=X, y=Y, X_test=X, y_test=Y, names=("a", "b"), units=("1", "1")),
        {
            "y": "any y",
            "X_test": "X",
            "y_test": "any y",
            "units": "names",
            "names": "names",
            "note": "free",
            "mean_test": "optional vector",
        },
        fine=(("X", "wide"),),
    ),
    "rebuildable": Door(mb.rebuildable),
    "Dataset.standardised": Door(DATA.standardised, {}, {"targets": "bool"}),
    "datasets.check_column_names": Door(
        datasets.check_column_names,
        {"X": rupture_data.draw_inputs(12, 0)},
        {"X": "faults", "names": "names"},
        fine=(("X", "longer"),),
    ),
    "datasets.longest_repeated_label_run": Door(
        datasets.longest_repeated_label_run,
        {"y": Y},
        {"y": "vector"},
        fine=(("y", "longer"),),
    ),
    "metrics.accuracy": Door(metrics.accuracy, {"y": Y, "p": PROBABILITIES}),
    "metrics.f1": Door(metrics.f1, {"y": Y, "p": PROBABILITIES}, {"average": "choice"}),
    "metrics.nll": Door(metrics.nll, {"y": Y, "p": PROBABILITIES}, {"log": "bool"}),
    "metrics.brier": Door(metrics.brier, {"y": Y, "p": PROBABILITIES}),
    "metrics.ece": Door(metrics.ece, {"y": Y, "p": PROBABILITIES}, {"on": "choice"}),
    "metrics.reliability_curve": Door(
        metrics.reliability_curve, {"y": Y, "p": PROBABILITIES}
    ),
    "metrics.auroc": Door(
        metrics.auroc,
        {"score": REALS, "is_error": Y},
        {"score": "array", "is_error": "y"},
    ),
    "metrics.rmse": Door(
        metrics.rmse, {"y": REALS, "mean": REALS}, {"y": "array", "mean": "array"}
    ),
    "metrics.coverage": Door(
        metrics.coverage,
        {"y": REALS, "lower": REALS - 1, "upper": REALS + 1},
        {"y": "array", "lower": "array", "upper": "array"},
    ),
    # pictures
    "plots.draw_network": Door(
        plots.draw_network,
        {"result": world.RESULT, "ax": "axes"},
        {"outputs": "optional names"},
        fine=(("outputs", "one"),),
    ),
    "plots.elbo_curve": Door(plots.elbo_curve, {"result": world.RESULT, "ax": "axes"}),
    "plots.predictive_histogram": Door(
        plots.predictive_histogram,
        {"prediction": world.PRED, "rows": [2, 0, 1], "ax": "axes"},
        PICTURED | {"rows": "optional indices"},
        fine=(("names", "array"), ("rows", "three")),
    ),
    "plots.reliability": Door(
        plots.reliability, {"y": Y, "p": PROBABILITIES, "ax": "axes"}
    ),
    "plots.band": Door(
        plots.band,
        {"prediction": CURVE, "X": X[:, 0], "ax": "axes"},
        PICTURED | {"X": "vector", "data": "pair of arrays", "truth": "optional vector"},
    ),
    "plots.calibration": Door(
        plots.calibration,
        {"prediction": CURVE, "y": REALS, "ax": "axes"},
        PICTURED | {"y": "vector", "kind": "choice"},
    ),
    "plots.prior_posterior": Door(
        plots.prior_posterior,
        {"result": world.RESULT, "weights": [0, 3], "ax": "axes"},
        {"weights": "optional indices"},
        fine=(("weights", "three"),),
    ),
    "plots.trace": Door(
        plots.trace,
        {"chains": world.CHAINS, "which": [0, 1], "ax": PANELS},
        OF_CHAINS,
    ),
    "plots.rank": Door(
        plots.rank,
        {"chains": world.CHAINS, "which": [0, 1], "ax": PANELS},
        OF_CHAINS,
    ),
    # the study
    "rupture_study": Door(
        rupture.rupture_study,
        {},
        {
            "data": "optional folder",
            "labels": "choice",
            "settings": "optional settings",
            "seed": "rng",
            "report": "optional function",
            "clock": "optional function",
        },
    ),
}

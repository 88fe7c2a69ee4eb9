"""Every public door refuses every bad value: what came, what is wanted, by name.

The table of doors is compared with the public surface: a new function, class, method or
parameter that is not in it fails here until it is.
"""

import inspect
import re
import traceback
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import doors
from support.doors import DOORS

import minibnn as mb
from minibnn import datasets, exact, metrics, plots
from minibnn.diagnosis import points
from minibnn.likelihoods import ALL
from minibnn.mcmc import chains

ELSEWHERE = ("minibnn.datasets.rupture_data",)  # shown in datasets
AXES = Figure().add_subplot()
ROOMS = {"points": points, "datasets": datasets, "metrics": metrics, "plots": plots}
RESULTS = (
    chains.Chains,
    exact.ExactPosterior,
    exact.GaussianPrediction,
    exact.GridPosterior,
    exact.LaplacePosterior,
    datasets.Dataset,
)
# What kernels call on each other, with arguments that were checked: not doors.
INNER = set(
    """apply blocks check_run cure curvature_step features rate run
    batch nll log_joint_kernel targets check check_family
    check_params density due embed for_kind
    for_restart keep_valid kl log_prob marginals moments move
    natural natural_step neg_entropy noise_shape noise_size rates sample
    shapes steps_left move_to
    draw examples mean_and_sd raw spread start update update_params""".split()
) | {"Checkpoint.load", "Checkpoint.save", *(
    f"{name}.init" for name in ("Adam", "SGD", "Momentum", "NaturalGradient")
)} | {
    f"{cls.__name__}.{name}" for cls in (*ALL, mb.Weighted) for name in dir(cls)
}  # fmt: skip
# Made by the package and not by its users, or without anything to check.
MADE = {"FitResult", "Prediction", "GradientReport", "points.resolution"} | {
    "metrics.ReliabilityCurve", *(
        f"plots.{name}" for name in """axes weight_blocks unit_orders outgoing_ratios
        alive_units running_mean""".split()
    )
}  # fmt: skip


def own(room):
    """The public things that are defined in a room."""
    return {
        name: thing
        for name, thing in vars(room).items()
        if callable(thing)
        and not name.startswith("_")
        and getattr(thing, "__module__", "") in (room.__name__, *ELSEWHERE)
    }


def is_error(thing):
    """Exceptions and warnings are raised, not called."""
    return isinstance(thing, type) and issubclass(thing, BaseException)


def surface():
    """Names of all public functions and classes, and of methods with parameters."""
    things = {
        name: thing
        for name, thing in vars(mb).items()
        if callable(thing) and not name.startswith("_") and not is_error(thing)
    }
    for room, module in ROOMS.items():
        things |= {f"{room}.{name}": thing for name, thing in own(module).items()}
    classes = {cls.__name__: cls for cls in RESULTS}
    classes |= {n: t for n, t in things.items() if isinstance(t, type) and "." not in n}
    for name, cls in classes.items():
        if not is_error(cls):
            things |= {f"{name}.{method}": f for method, f in methods(cls).items()}
    return {name for name in things if name not in MADE}


def methods(cls):
    """Public methods that take an argument and are no part of an inner protocol."""
    return {
        name: f
        for name, f in inspect.getmembers(cls, callable)
        if (not name.startswith("_") or (name == "__call__" and cls is mb.MLP))
        and not {name, f"{cls.__name__}.{name}"} & INNER
        and name not in ("count", "index", "table", "to_dict", "initial_weights_of")
        and set(inspect.signature(f).parameters) - {"self"}
    }


def test_every_public_door_is_in_the_table():
    assert surface() - set(DOORS) == set()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    doors.world.RESULT.save("saved.npz")


def called(door, axes=AXES, **changed):
    """Call a door with its good arguments, some of them changed."""
    good = door.good | changed
    if isinstance(good.get("ax"), str) and good["ax"] == "axes":
        good["ax"] = axes
    parameters = inspect.signature(door.call).parameters
    first = [good.pop(name) for name, p in parameters.items()
             if name in good and p.kind is p.POSITIONAL_ONLY]  # fmt: skip
    return door.call(*first, **good)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", [name for name in DOORS if name != "rupture_study"])
def test_the_good_call_is_good(name):
    called(DOORS[name], Figure().add_subplot())


def trouble(door, parameter, value):
    """What is wrong with how a door takes a bad value; None if it refuses it well."""
    try:
        called(door, **{parameter: value})
    except (ValueError, OSError) as error:  # a wrong type is an error of value as well
        last = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
        if "minibnn" not in last.parts:
            return f"raised from inside {last.name}: {error}"
        if not re.search(rf"\b{parameter}\b", str(error)):
            return f"does not name it: {error}"
        return "is long" if len(str(error)) > 600 else None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "is taken"


@pytest.mark.parametrize("name", DOORS)
def test_bad_values_are_refused_by_name(name):
    door = DOORS[name]
    found = [
        f"{parameter} = {bad}: {said}"
        for parameter in door.parameters()
        for bad, value in door.bad_values(parameter).items()
        if (said := trouble(door, parameter, value))
    ]
    assert found == []


# --- the harness itself --------------------------------------------------------------


def test_a_new_door_is_seen(monkeypatch):
    def new_door(x):
        return x

    monkeypatch.setattr(mb, "new_door", new_door, raising=False)
    monkeypatch.setattr(mb.Model, "new_method", lambda self, x: x, raising=False)
    assert surface() - set(DOORS) >= {"new_door", "Model.new_method"}
    with pytest.raises(KeyError, match="gain"):
        doors.Door(lambda gain: None).bad_values("gain")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda n: n, "is taken"),
        (lambda n: len(n), "TypeError: "),
        (lambda n: np.ones(3).reshape(5), "raised from inside"),
        (lambda n: mb.MLP([n, 1]), "does not name it"),
        (lambda n: {}[n], "KeyError"),
        (lambda n: mb.datasets.cubic(n), None),
    ],
    ids=["silent", "Python", "NumPy", "another name", "another error", "good"],
)
def test_the_harness_sees_what_it_is_for(call, said):
    found = trouble(doors.Door(call, {"n": 3}), "n", None)
    assert (found or "").startswith(said or "")
    assert (found is None) == (said is None)

"""What every test shares: floating-point errors raise, plots need no screen."""

import collections
import os
from pathlib import Path

import numpy as np
import pytest

os.environ["MPLBACKEND"] = "Agg"  # before anything imports matplotlib
os.environ["PYTHON_COLORS"] = "0"  # texts are compared; argparse has colours from 3.14 on


@pytest.hookimpl(tryfirst=True)  # before the slow ones are left out
def pytest_collection_modifyitems(items):
    """Of a test with the marker ``sample(step)`` each step-th case is quick."""
    seen = collections.Counter()
    for item in items:
        if sample := item.get_closest_marker("sample"):
            if seen[item.function] % sample.args[0]:
                item.add_marker("slow")
            seen[item.function] += 1


@pytest.fixture(autouse=True)
def floating_point_errors_raise():
    """Division by zero, overflow and invalid operations raise; underflow does not."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield


@pytest.fixture
def unrecorded(monkeypatch):
    """Steps of a fit run directly: quicker for a few, where steps are no subject."""
    from minibnn.svi import many_steps, one_step
    from minibnn.tape import Direct

    monkeypatch.setattr(
        one_step, "proved_program", lambda step, inputs, *rest: Direct(step, inputs)
    )
    monkeypatch.setattr(many_steps, "proved_scan", lambda *args: None)


@pytest.fixture
def shared_data():
    """Folder of the published data: $MINIBNN_DATA or ../shared/data, else skip."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MINIBNN_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no published data at {folder}; set MINIBNN_DATA")
    return folder

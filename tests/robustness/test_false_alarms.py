"""The designed false-alarm probability of the whole suite, in one table.

Seeds are fixed, so no test fails by chance from one day to the next; but with every
change of a stream the statistical tests are drawn anew. Each row names a test, how many
comparisons it makes (dependent ones are counted as if they were not) and the threshold
as it stands in its source, with the probability that one comparison fails although the
code is right. Thresholds of seven standard errors leave room for estimates with heavier
tails than a normal's.
"""

# ruff: noqa: E501
import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scipy.stats import norm

HERE = Path(__file__).parents[1]
BUDGET = 1e-6


def z(limit):
    """Two-sided probability beyond ``limit`` standard errors."""
    return 2 * norm.sf(limit)


# (file, test or function, comparisons, text of the threshold, probability of one)
TABLE = [
    ("test_rng", "test_float32_is_standard_normal", 11, "1e-8", 1e-8),
    ("prediction/test_prediction", "NOISE, Z = 0.5, 6.5", 200, "Z", z(6.5)),
    ("estimators/test_unbiased", "Z_LIMIT = 6.5", 160, "Z_LIMIT", z(6.5)),
    ("prediction/test_predictive", "test_e82_is_the_variance_of_the_mixture", 1, "7 *", z(7)),
    ("datasets/test_datasets", "check_noise", 6, "7 * sd", z(7)),
    ("datasets/test_datasets", "check_noise", 6, "7 / np.sqrt(2", z(7)),
    ("datasets/test_datasets", "test_blundell", 1, "7 / np.sqrt", z(7)),
    ("datasets/test_datasets", "test_cubic", 1, "rel=0.035", z(7)),
    ("datasets/test_datasets", "test_two_clusters", 1, "rel=0.5", z(7)),
    ("datasets/test_datasets", "test_linear", 1, "atol=0.08", z(6.5)),
    ("datasets/test_rupture_data", "test_generator_draws_the_stated_distributions", 7,
     "7 / np.sqrt(12", z(7)),
    ("datasets/test_rupture_data", "test_generator_draws_the_stated_distributions", 7,
     "< 0.0065", z(7)),
    ("datasets/test_rupture_data", "test_generator_draws_the_stated_distributions", 29,
     "7 / np.sqrt(20_000)", z(7)),
    ("datasets/test_rupture_data", "test_generator_draws_the_stated_distributions", 1,
     "< 0.036", z(7)),
    ("datasets/test_rupture_data", "test_labels_follow_their_probability", 4, "7 * error", z(7)),
    ("datasets/test_rupture_data", "test_labels_follow_their_probability", 1, "< 0.017", z(7)),
    ("mcmc/test_hmc", "test_recovers_the_prior_without_informative_data", 6, "< 6.5", z(6.5)),
    ("mcmc/test_hmc", "test_recovers_the_conjugate_posterior", 10, "< 6.5", z(6.5)),
    ("mcmc/test_hmc", "test_simulation_based_calibration", 3, "> 1e-8", 1e-8),
    ("mcmc/test_ais", "test_bracket_holds_the_exact_evidence", 2, "abs=1.5", z(7)),
    ("mcmc/test_ais", "test_importance_weights_are_unbiased_however_crude", 2, "< 7", z(7)),
    ("priors/test_laws", "test_draws_have_the_density", 18, "> 1e-8", 1e-8),
    ("svi/test_fit", "test_elbo_never_exceeds_the_log_evidence", 12, "6 *", norm.sf(6)),
    ("svi/test_fit", "test_elbo_is_the_mean_of_fresh_estimates", 1, "6 *", z(6)),
    ("robustness/test_float32", "test_both_precisions_find_the_same_posterior", 1, "6 *", z(6)),
]  # fmt: skip
IDS = [f"{file}-{name}-{text}" for file, name, _, text, _ in TABLE]


def source_of(file, name):
    """The source of a function, or of the whole file for a constant of the module."""
    text = (HERE / f"{file}.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_source_segment(text, node)
    assert name in text, f"{file} has no {name}"
    return text


@pytest.mark.parametrize("row", TABLE, ids=IDS)
def test_the_table_says_what_the_tests_do(row):
    file, name, _, threshold, _ = row
    assert threshold in source_of(file, name)


def test_the_whole_suite_raises_few_false_alarms():
    total = sum(count * probability for _, _, count, _, probability in TABLE)
    assert total < BUDGET, f"designed false-alarm probability {total:.1e}"


@pytest.mark.slow
@pytest.mark.parametrize("world", range(1, 51))
def test_other_random_numbers_leave_the_suite_green(world):
    """The statistical tests of every file above with all seeds changed."""
    files = sorted({f"{file}.py" for file, *_ in TABLE if file != "test_fit"})
    names = {name for _, name, *_ in TABLE if name.startswith("test_")}
    names |= {"weights_are_drawn", "interval", "log_prob", "monte_carlo", "noise"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "support.reseed",
        "-x",
        *files,
    ]
    command += ["-p", "no:cacheprovider", "-k", " or ".join(sorted(names))]
    command += [
        "--rootdir",
        str(HERE.parent),
        "-c",
        str(HERE.parent / "pyproject.toml"),
    ]
    env = os.environ | {"MINIBNN_RESEED": str(world), "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]

"""Keywords that a function does not have: what was meant by them.

``MEANT`` knows what other libraries call a parameter, ``ELSEWHERE`` where something is
said that a newcomer looks for at the wrong door. A misspelling is told from the names
that the function has.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from minibnn.validation.describe import ArgumentTypeError
from minibnn.validation.signature import signature_of

STEPS = "It counts steps, not passes over the data: N / batch_size steps are one epoch."
RATE = "The step size is the optimiser's own: optimizer=mb.Adam(0.01)."
SEEDS = "seed random_state random_seed rng key generator prng rs"
RATES = "lr learning_rate learning_rate_init eta step_size optim optimiser solver opt"
EPOCHS = "epochs epoch n_epochs num_epochs nb_epoch max_epochs"
LENGTHS = "n_iter n_iters max_iter num_iter iterations steps n_steps num_steps"
BATCHES = "batch_size batchsize batch minibatch minibatch_size bs"
WIDTHS = (
    "hidden hidden_layer_sizes hidden_sizes hidden_units hidden_dim hidden_dims "
    "hidden_size n_hidden num_hidden layers layer_sizes n_layers num_layers units "
    "n_units width widths depth sizes"
)
BENDS = "activation activations activation_function nonlinearity act"
PRIORS = (
    "prior_std prior_sd prior_sigma prior_scale prior_mean prior prior_var sigma_prior "
    "prior_precision weight_decay l2 alpha reg"
)
NOISES = "noise noise_std noise_sd noise_scale sigma_noise noise_sigma sigma_y sigma"


class Row(NamedTuple):
    """A parameter, what others call it, and what is worth saying besides."""

    parameter: str
    words: str
    note: str = ""


MEANT = (  # of the rows whose parameter a function has the first one that knows the word
    Row("rng", SEEDS),
    Row("seed", SEEDS),
    Row("random_state", SEEDS),
    Row("max_steps", EPOCHS, STEPS),
    Row("max_steps", LENGTHS),
    Row("lr", RATES),
    Row("optimizer", RATES, RATE),
    Row("batch_size", BATCHES),
    Row("sample_weight", "weights weight row_weights class_weight sample_weights"),
    Row("n_draws", "num_samples draws n_samples samples num_draws n_iter iter size"),
    Row("n_samples", "num_samples samples num_draws n_draws draws mc_samples n_mc S size"),
    Row("n", "n_samples num_samples size N n_points n_rows"),
    Row("n_warmup", "warmup num_warmup warmup_steps tune n_tune burn_in burnin n_burn"),
    Row("n_chains", "chains num_chains n_walkers"),
    Row("target_accept", "target_accept_prob adapt_delta accept acceptance"),
    Row("init", "initial inits initvals initial_position start"),
    Row("sizes", WIDTHS, "All widths stand in one list, from input to output: [8, 12, 1]."),
    Row("hidden", WIDTHS, "The widths of the hidden layers alone: (20,) or (50, 50)."),
    Row("activation", BENDS),
    Row("bias", "use_bias fit_intercept intercept biases"),
    Row("scale", "sigma std sd stddev stdev s noise noise_std noise_sd prior_std tau"),
    Row("mean", "mu loc location y_pred pred predictions"),
    Row("b", "scale sigma std sd"),
    Row("prior_scale", PRIORS),
    Row("prior", PRIORS, "It is an object such as mb.GaussianPrior(0.0, 1.0)."),
    Row("likelihood", "loss criterion noise_model", "Such as mb.Gaussian(0.1)."),
    Row("net", "network mlp module nn architecture"),
    Row("n_classes", "classes num_classes k K n_labels"),
    Row("df", "nu dof degrees_of_freedom"),
    Row("standardise", "standardize normalise normalize normalization scaling scaler"),
    Row("verbose", "progress progressbar progress_bar show_progress disp verbosity"),
    Row("start", "init initial initial_params x0 warm_start initialization"),
    Row("stop", "early_stopping patience tol convergence", "It is a rule: mb.Plateau()."),
    Row("callback", "callbacks hook on_step"),
    Row("restarts", "n_restarts num_restarts n_init n_runs"),
    Row("replicas", "n_replicas ensemble n_members members n_ensemble ensemble_size"),
    Row("estimator", "gradient_estimator grad_estimator gradient"),
    Row("kl_weight", "beta kl_scale temperature kl_beta"),
    Row("kl_warmup", "annealing kl_annealing warmup anneal"),
    Row("family", "guide q variational_family posterior method"),
    Row("path", "filename file fname filepath"),
    Row("level", "confidence prob hdi_prob ci credible_level p coverage"),
    Row("level", "alpha", "It is the probability inside: 0.95 where alpha is 0.05."),
    Row("q", "quantiles quantile probs probabilities p level"),
    Row("X", "x data inputs input features X_train X_test X_new Xnew train_x x_train"),
    Row("y", "Y targets target labels label outputs y_train y_test train_y y_true"),
    Row("w", "weights theta params parameters"),
    Row("weights", "w theta params parameters mode"),
    Row("p", "y_pred prob probs probabilities pred y_prob proba"),
    Row("n_bins", "bins num_bins nbins"),
    Row("ax", "axes axis fig subplot"),
    Row("tol", "rtol atol eps epsilon tolerance"),
    Row("f", "fun func function fn loss objective"),
    Row("grad", "gradient jac jacobian df dfdx"),
    Row("x", "x0 point at theta"),
)  # fmt: skip
ELSEWHERE = (  # (words, where it is said)
    (WIDTHS, "The network has its widths: mb.MLP([D, 20, K])."),
    (BENDS, "The network has its activation: mb.MLP([D, 20, K], activation='tanh')."),
    (PRIORS, "The model has its prior: mb.Model(net, likelihood, mb.GaussianPrior(0, 1))."),
    (NOISES, "The likelihood has its noise: mb.Gaussian(0.1) or mb.Gaussian('learned')."),
    (
        f"{SEEDS} n_samples",
        "Random numbers are drawn by other calls: mb.fit(..., rng=0), predict(X, rng=0).",
    ),
    (
        f"{EPOCHS} {LENGTHS} {RATES} {BATCHES} max_steps optimizer momentum restarts",
        "The steps are those of mb.fit(model, family, X, y, max_steps=2000, "
        "batch_size=128, optimizer=mb.Adam(0.01)).",
    ),
    ("loss criterion", "The loss follows from the likelihood of the mb.Model."),
    ("standardise standardize normalize normalise", "Units: mb.fit(standardise=True)."),
    ("dtype precision", "The precision is that of X: X.astype(np.float32)."),
    ("device gpu cuda", "Everything runs on the CPU."),
    ("n_jobs num_workers workers", "One process does the work; it needs no others."),
    ("dropout dropout_rate", "There is no dropout: the weights themselves are uncertain."),
    (
        "validation_split validation_data val_data eval_set",
        "Hold rows out yourself, and score result.predict(X_test).log_prob(y_test).",
    ),
)  # fmt: skip


def refusal(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    error: TypeError,
) -> ArgumentTypeError | None:
    """What to say instead of a TypeError of Python's, where a call does not fit.

    None where the arguments fit the signature: then the error came from inside.
    """
    signature = signature_of(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        called = _called(function, args)
        known = [name for name in signature.parameters if name not in ("self", "cls")]
        odd = [name for name in kwargs if name not in signature.parameters]
        if odd:
            return ArgumentTypeError(_unexpected(called, odd, known))
        said = str(error).replace(f"{function.__qualname__}()", f"{called}()")
        return ArgumentTypeError(f"{said}; it is {called}({_shape(signature)})")
    return None


def meaning(word: str, known: Collection[str]) -> str:
    """A sentence: which of the known parameters a keyword means, or what there is.

    Examples
    --------
    >>> from minibnn.validation.keywords import meaning
    >>> meaning("seed", ["X", "y", "rng"])
    "Did you mean 'rng'?"
    """
    return next(_meanings(word, known))


def _meanings(word: str, known: Collection[str]) -> Iterator[str]:
    """The same from the surest to the last resort."""
    plain = _plain(word)
    for name in known:
        if _plain(name) == plain:
            yield f"Did you mean {name!r}?"
    for row in MEANT:
        if row.parameter in known and plain in _plain_words(row.words):
            yield f"Did you mean {row.parameter!r}? {row.note}".rstrip()
    for name in difflib.get_close_matches(word, known, 1, cutoff=0.75):
        yield f"Did you mean {name!r}?"
    for words, where in ELSEWHERE:
        if plain in _plain_words(words):
            yield where
    yield f"It takes {', '.join(known)}." if known else "It takes none."


def _plain(word: str) -> str:
    return word.lower().replace("_", "")


def _plain_words(words: str) -> list[str]:
    return [_plain(word) for word in words.split()]


def _unexpected(called: str, odd: list[str], known: list[str]) -> str:
    said = [meaning(word, known) for word in odd]
    if len(odd) == 1:
        return f"{called}() got an unexpected keyword argument {odd[0]!r}. {said[0]}"
    pairs = zip(odd, said, strict=True)
    each = " ".join(f"{word!r}: {means[0].lower()}{means[1:]}" for word, means in pairs)
    return f"{called}() got {len(odd)} unexpected keyword arguments. {each}"


def _called(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """What somebody wrote to call it: ``fit``, ``MLP``, ``FitResult.predict``."""
    if function.__name__ == "__init__" and args:
        return type(args[0]).__name__
    return function.__qualname__.removesuffix(".__call__")


def _shape(signature: inspect.Signature) -> str:
    """The parameters in short: what must be given, then what may be, by name."""
    parts = []
    for name, parameter in signature.parameters.items():
        if name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        needed = parameter.default is parameter.empty
        parts.append(name if needed else f"{name}=...")
    return ", ".join(parts[:10] + ["..."] * (len(parts) > 10))

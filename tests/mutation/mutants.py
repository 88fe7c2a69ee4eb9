"""Catalogue mistakes as changes of the source text.

(name, file, old, new): ``old`` stands exactly once in that file of ``minibnn/``.
The name is that of the catalogue where the catalogue has one, so that the diagnosis
can be judged on gradients it did not make itself; a number after a colon tells mutants
of one mistake apart.
"""

OBJECTIVE, KL = "objective.py", "priors/gaussian_kl.py"
SCALES, MEAN_FIELD = "families/scales.py", "families/mean_field.py"
NETWORK, ACTIVATIONS = "nn/mlp.py", "nn/activations.py"
PATHWISE, LOCAL = "estimators/pathwise.py", "estimators/local_reparam.py"
GAUSSIAN, BERNOULLI = "likelihoods/gaussian.py", "likelihoods/bernoulli.py"
CATEGORICAL, OWN_SCALE = "likelihoods/categorical.py", "likelihoods/location_scale.py"

_PULL_NLL = "g_nll = pull_q(n_over_b / nll.shape[-1])"
_SCALED = "scaled(kl_weight, g_kl)"
_RETURN = "return pull_params(add(g_nll, scaled(kl_weight, g_kl)))"
_KL_RETURN = "return 0.5 * a * a + spread, a / s0, slope"
_SAMPLE = "return Normal(mean=g_w.sum(-2), sigma=(g_w * eps).sum(-2))"
_SOFTPLUS = "return log_slope(sigma) * _along_log_sigma(sigma, g_sigma, g_log_sigma)"
_BOTH = (
    "return sigma * g_sigma if g_log_sigma is None else sigma * g_sigma + g_log_sigma"
)
_IDENTITY = "return g_sigma + (0 if g_log_sigma is None else g_log_sigma) / rho"
_DENSE_W = "np.matmul(A, g.swapaxes(-1, -2), out=g_W)"
_DENSE_A = "return np.matmul(W[..., :n_in, :], g) if input_wanted else None"
_RECURSION = "g = act.slope(outputs[i - 1], pulls[i](g, True))"
_TANH = "return np.multiply(g, np.subtract(1, slope, out=slope), out=g)"
_RELU = "return np.multiply(g, A.real > 0, out=g)"
_PLUS = "return np.multiply(g, np.negative(slope, out=slope), out=g)"
_G_W = "return pull_w(pull_nll(c))"
_MEAN = "g_mean[...] = (A @ g.swapaxes(-1, -2)).sum(-3)"
_VAR = "g_var[...] = (squares @ g_v.swapaxes(-1, -2)).sum(-3)"
_MOMENTS = "return Normal(mean=g_mean, sigma=2.0 * q.sigma * g_var)"
_HALF = "return 0.5 * g * eps * sd / np.maximum(var, tiny)"
_BACK = "return back_m + 2.0 * A[..., :n_in, :] * back_v"
_GAUSS = (
    "total_of(t + (0.5 * v) * v + HALF_LOG_2PI), v * precision, 1 - v * v"
)
_BERNOULLI = "return total_of(nll), np.multiply(g_F, sign, out=g_F)"
_CLASSES = "others / total - hot * (o / total)"
_OWN = "g_t.sum((-1, -2))[..., None] if self.learned else None"


def _kl_weights():
    for name, factor in (
        ("kl-missing", "0.0"),
        ("kl-sign", "-kl_weight"),
        ("kl-halved", "0.5 * kl_weight"),
        ("kl-doubled", "2 * kl_weight"),
        ("kl-averaged-over-weights", "kl_weight / model.n_weights"),
        ("kl-over-batch-size", "kl_weight / A.shape[-2]"),
        ("kl-over-batches", "kl_weight / n_over_b"),
        ("kl-over-data", "kl_weight / n_data"),
        ("kl-times-batches", "kl_weight * n_over_b"),
        ("kl-over-samples", "kl_weight / nll.shape[-1]"),
        ("kl-times-samples", "kl_weight * nll.shape[-1]"),
        ("kl-over-layers", "kl_weight / len(model.net.shapes)"),
        ("kl-weight-missing", "1.0"),
        ("kl-weight-twice", "kl_weight**2"),
    ):
        yield name, OBJECTIVE, _SCALED, f"scaled({factor}, g_kl)"


def _data_weights():
    for name, factor in (
        ("data-missing", "0.0"),
        ("data-sign", "-n_over_b / nll.shape[-1]"),
        ("likelihood-half", "0.5 * n_over_b / nll.shape[-1]"),
        ("likelihood-doubled", "2 * n_over_b / nll.shape[-1]"),
        ("n-over-b-missing", "1 / nll.shape[-1]"),
        ("n-over-b-twice", "n_over_b**2 / nll.shape[-1]"),
        ("n-over-b-rounded", "n_data // A.shape[-2] / nll.shape[-1]"),
        ("sample-mean-missing", "n_over_b"),
        ("sample-mean-twice", "n_over_b / nll.shape[-1] ** 2"),
        ("example-mean", "n_over_b / nll.shape[-1] / A.shape[-2]"),
        ("example-mean-instead-of-sum", "1 / nll.shape[-1] / A.shape[-2]"),
        ("data-tempered", "kl_weight * n_over_b / nll.shape[-1]"),
    ):
        yield name, OBJECTIVE, _PULL_NLL, f"g_nll = pull_q({factor})"
    for name, factor in (
        ("gradient-of-the-elbo", "-1.0"),
        ("loss-over-data", "1 / n_data"),
        ("loss-over-batches", "1 / n_over_b"),
    ):
        new = f"return pull_params(scaled({factor}, add(g_nll, {_SCALED})))"
        yield name, OBJECTIVE, _RETURN, new


def _kl():
    mean, log = "a / s0", "slope"
    for name, g_mean, g_log in (
        ("kl-direction-reversed", "(m - m0) / s**2",
         "1 - (s0**2 + (m - m0) ** 2) / s**2"),
        ("kl-entropy-lost", mean, "(s / s0) ** 2"),
        ("kl-trace-lost", mean, "-np.ones_like(s)"),
        ("kl-entropy-sign", mean, "(s / s0) ** 2 + 1"),
        ("kl-mean-term-lost", "0 * a", log),
        ("kl-spread-term-lost", mean, "0 * slope"),
        ("kl-prior-mean-ignored", "m / s0**2", log),
        ("kl-prior-mean-sign", "(m + m0) / s0**2", log),
        ("kl-mean-sign", "-a / s0", log),
        ("kl-prior-scale-unsquared", "a", "s**2 / s0 - 1"),
        ("kl-prior-scale-ignored", "m - m0", "s**2 - 1"),
        ("kl-prior-variance-taken-for-scale", "(m - m0) / s0**4", "s**2 / s0**4 - 1"),
        ("kl-ratio-unsquared", mean, "(s - s0) / s0"),
        ("kl-half-lost-in-log", mean, "(s / s0) ** 2 - 2"),
        ("kl-half-lost-in-trace", mean, "2 * (s / s0) ** 2 - 1"),
        ("kl-mean-in-spread", mean, "(s**2 + (m - m0) ** 2) / s0**2 - 1"),
        ("kl-inverse-ratio", mean, "1 - (s0 / s) ** 2"),
        ("kl-averaged-over-weights:2", "a / s0 / np.size(a)", f"{log} / np.size(a)"),
    ):  # fmt: skip
        new = f"return 0.5 * a * a + spread, {g_mean}, {g_log}"
        yield name, KL, _KL_RETURN, new


def _noise_and_scale():
    for name, mean, sigma in (
        ("eps-missing", "g_w.sum(-2)", "g_w.sum(-2)"),
        ("eps-sign", "g_w.sum(-2)", "-(g_w * eps).sum(-2)"),
        ("eps-times-sigma", "g_w.sum(-2)", "(g_w * eps).sum(-2) * q.sigma"),
        ("eps-squared", "g_w.sum(-2)", "(g_w * eps * eps).sum(-2)"),
        ("eps-replaced-by-weight", "g_w.sum(-2)", "(g_w * w).sum(-2)"),
        ("eps-of-the-next-sample", "g_w.sum(-2)",
         "(g_w * np.roll(eps, -1, -2)).sum(-2)"),
        ("eps-samples-reversed", "g_w.sum(-2)", "(g_w * eps[..., ::-1, :]).sum(-2)"),
        ("eps-of-the-first-sample", "g_w.sum(-2)", "(g_w * eps[..., :1, :]).sum(-2)"),
        ("eps-shifted-by-one-weight", "g_w.sum(-2)",
         "(g_w * np.roll(eps, -1, -1)).sum(-2)"),
        ("eps-reversed", "g_w.sum(-2)", "(g_w * eps[..., ::-1]).sum(-2)"),
        ("eps-averaged", "g_w.sum(-2)", "(g_w * eps.mean(-2, keepdims=True)).sum(-2)"),
        ("eps-of-another-draw", "g_w.sum(-2)",
         "(g_w * np.random.default_rng(3).normal(size=eps.shape)).sum(-2)"),
        ("reparameterization-detached", "g_w.sum(-2)", "0 * q.sigma"),
        ("only-first-sample-over-s", "g_w[..., 0, :]", "(g_w * eps)[..., 0, :]"),
    ):  # fmt: skip
        new = f"return Normal(mean={mean}, sigma={sigma})"
        yield name, MEAN_FIELD, _SAMPLE, new
    scale = "scale-chain"
    into = "_along_log_sigma(sigma, g_sigma, g_log_sigma)"
    data = "(0 if g_sigma is None else g_sigma)"
    log = "(0 if g_log_sigma is None else g_log_sigma)"
    for name, new in (
        (f"{scale}-missing", f"return {into} / sigma"),
        (f"{scale}-of-exp", f"return {into}"),
        (f"{scale}-missing-in-data", f"return {data} + log_slope(sigma) * {log}"),
        (f"{scale}-of-exp-in-kl", f"return log_slope(sigma) * sigma * {data} + {log}"),
        (f"{scale}-twice", f"return log_slope(sigma) ** 2 * sigma * {into}"),
        (f"{scale}-twice-in-data",
         "return (log_slope(sigma) * sigma) ** 2 * "
         f"{data} + log_slope(sigma) * {log}"),
        (f"{scale}-at-sigma", f"return 1 / (1 + np.exp(-sigma)) / sigma * {into}"),
        (f"{scale}-at-minus-rho", f"return 1 / (1 + np.exp(rho)) / sigma * {into}"),
        (f"{scale}-sigmoid-differentiated",
         f"return 1 / (2 + np.exp(rho) + np.exp(-rho)) / sigma * {into}"),
    ):  # fmt: skip
        yield name, SCALES, _SOFTPLUS, new
    yield "exp:data-chain", SCALES, _BOTH, _BOTH.replace("sigma * g_sigma", "g_sigma")
    yield "identity:log-chain", SCALES, _IDENTITY, _IDENTITY.replace(" / rho", "")
    yield (
        "identity:sign",
        SCALES,
        _IDENTITY,
        _IDENTITY.replace("/ rho", "/ abs(rho.real)"),
    )


def _network():
    bias = "np.matmul(A[..., :n_in, :], g.swapaxes(-1, -2), out=g_W[..., :n_in, :])\n"
    bias += "            if bias:\n                g_W[..., -1, :] = "
    for name, new in (
        ("bias-averaged-over-rows", bias + "g.mean(-1)"),
        ("bias-of-first-row", bias + "g[..., 0]"),
        ("bias-of-last-row", bias + "g[..., -1]"),
        ("bias-without-data", bias + "0"),
        ("weight-gradient-of-another-sample",
         _DENSE_W.replace("A, g", "np.roll(A, -1, -3), g")),
        ("weight-gradient-rows-shifted",
         _DENSE_W.replace("A, g", "np.roll(A, -1, -1), g")),
    ):  # fmt: skip
        yield name, NETWORK, _DENSE_W, new
    transposed = "W[..., :n_in, :] if n_in != W.shape[-1] else "
    transposed += "W[..., :n_in, :].swapaxes(-1, -2)"
    for name, matrix in (
        ("layer-2-transposed", transposed),
        ("backward-through-another-sample", "np.roll(W, -1, -3)[..., :n_in, :]"),
        ("backward-through-the-mean", "W.mean(-3, keepdims=True)[..., :n_in, :]"),
    ):
        new = f"return np.matmul({matrix}, g) if input_wanted else None"
        yield name, NETWORK, _DENSE_A, new
    other = "outputs[1 if len(outputs) > 1 and outputs[0].shape == outputs[1].shape "
    other += "else i - 1]"
    for name, new in (
        ("activation-slope-missing", "g = pulls[i](g, True)"),
        ("activation-slope-twice",
         f"{_RECURSION}\n                act.slope(outputs[i - 1], g)"),
        ("activation-slope-of-layer-2-in-1",
         _RECURSION.replace("outputs[i - 1]", other)),
        ("activation-slope-of-another-sample",
         _RECURSION.replace("outputs[i - 1]", "np.roll(outputs[i - 1], -1, -3)")),
        ("backward-stops-at-layer-2", "g = (i > 1) * " + _RECURSION[4:]),
    ):  # fmt: skip
        yield name, NETWORK, _RECURSION, new
    yield ("activation-in-place-of-its-slope", ACTIVATIONS, _TANH,
           "return np.multiply(g, A, out=g)")  # fmt: skip
    yield ("activation-slope-unsquared", ACTIVATIONS, _TANH,
           "return np.multiply(g, 1 - A, out=g)")  # fmt: skip
    yield ("activation-slope-at-output-twice", ACTIVATIONS, _TANH,
           "return np.multiply(g, 1 - np.tanh(A) ** 2, out=g)")  # fmt: skip
    yield "relu:slope-everywhere", ACTIVATIONS, _RELU, "return g"
    yield "softplus:slope-sign", ACTIVATIONS, _PLUS, "return np.multiply(g, slope, out=g)"
    yield "softplus:sigmoid-of-output", ACTIVATIONS, _PLUS, "return g / (1 + np.exp(-A))"


def _likelihoods():
    head = "total_of(t + (0.5 * v) * v + HALF_LOG_2PI), "
    for name, g_F, g_t in (
        ("noise-unsquared", "v", "1 - v * v"),
        ("noise-ignored", "v / precision", "1 - v * v"),
        ("noise-variance-squared", "v * precision**3", "1 - v * v"),
        ("noise-scale-normaliser-lost", "v * precision", "-v * v"),
        ("noise-scale-half", "v * precision", "1 - 0.5 * v * v"),
        ("noise-scale-sign", "v * precision", "v * v - 1"),
        ("noise-scale-for-log", "v * precision", "(1 - v * v) * precision"),
    ):
        yield name, GAUSSIAN, _GAUSS, f"{head}{g_F}, {g_t}"
    for name, g_F in (
        ("link-missing", "F - targets_of(F, y)"),
        ("labels-flipped", "np.multiply(g_F, sign, out=g_F) + 2 * targets_of(F, y) - 1"),
        ("squared-error-on-probabilities", "g_F * sign * e / (1 + e) ** 2"),
        ("dropped-example-1", "_dropped(np.multiply(g_F, sign, out=g_F))"),
        ("labels-of-the-next-row",
         "np.exp(F) / (1 + np.exp(F)) - np.roll(targets_of(F, y), -1, -2)"),
        ("true-class-left-out:2", "np.exp(F) / (1 + np.exp(F))"),
    ):  # fmt: skip
        new = _BERNOULLI.replace("np.multiply(g_F, sign, out=g_F)", g_F)
        new = new.replace("_dropped(", "(np.arange(F.shape[-2])[:, None] > 0) * (")
        yield name, BERNOULLI, _BERNOULLI, new
    for name, g_F in (
        ("only-the-true-class", "hot * (o / -total)"),
        ("true-class-left-out", "odds / odds.sum(-1, keepdims=True)"),
        ("link-missing:2", "F - hot"),
    ):
        yield name, CATEGORICAL, _CLASSES, g_F
    yield "noise-scale-not-learned", OWN_SCALE, _OWN, "0 * " + _OWN


def _local():
    for name, new in (
        ("local-half-missing", _HALF.replace("0.5 * ", "")),
        ("local-root-missing", _HALF.replace("(var, tiny)", "(var**2, tiny)")),
        ("local-variance-taken-for-sd", "return 0.5 * g * eps * (sd.real > 0)"),
        ("eps-missing:2", _HALF.replace(" * eps", "")),
        ("eps-sign:2", _HALF.replace("0.5", "-0.5")),
    ):
        yield name, LOCAL, _HALF, new
    for name, new in (
        ("local-two-missing", "q.sigma * g_var"),
        ("local-sigma-missing", "2.0 * g_var"),
        ("local-two-sigma-missing", "g_var"),
        ("local-sigma-squared", "2.0 * q.sigma**2 * g_var"),
    ):
        yield name, MEAN_FIELD, _MOMENTS, f"return Normal(mean=g_mean, sigma={new})"
    for name, new in (
        ("local-variance-path-to-inputs-lost", "return back_m"),
        ("local-mean-path-to-inputs-lost", _BACK.replace("back_m + ", "")),
        ("local-input-two-missing", _BACK.replace("2.0 * ", "")),
        ("local-input-factor-missing", "return back_m + 2.0 * back_v"),
    ):
        yield name, LOCAL, _BACK, new
    yield "local-inputs-unsquared", LOCAL, _VAR, _VAR.replace("squares", "A")
    yield ("weight-gradient-rows-shifted:2", LOCAL, _MEAN,
           _MEAN.replace("(A @", "(np.roll(A, -1, -1) @"))  # fmt: skip
    yield ("only-first-sample:2", PATHWISE, _G_W,
           "first = np.arange(noise.shape[-2])[:, None] == 0\n            "
           "return pull_w(pull_nll(c) * first * noise.shape[-2])")  # fmt: skip


MUTANTS = [
    mutant
    for page in (_kl_weights, _data_weights, _kl, _noise_and_scale, _network,
                 _likelihoods, _local)
    for mutant in page()
]  # fmt: skip


# Patches that only some cases walk over: class name of what the case has to contain.
_SOME = {
    _SAMPLE: "Pathwise", _G_W: "Pathwise", _DENSE_W: "Pathwise", _DENSE_A: "Pathwise",
    _MEAN: "LocalReparam", _VAR: "LocalReparam", _MOMENTS: "LocalReparam",
    _HALF: "LocalReparam", _BACK: "LocalReparam",
    _GAUSS: "Gaussian", _OWN: "Gaussian", _BERNOULLI: "Bernoulli",
    _CLASSES: "Categorical", _TANH: "tanh", _RELU: "relu", _PLUS: "softplus activation",
}  # fmt: skip


def concerns(mutant, case):
    """Whether the gradient at a case passes through the spoiled line."""
    parts = {type(case.estimator).__name__, type(case.model.likelihood).__name__}
    parts |= {case.model.net.activation}
    return _SOME.get(mutant[2], next(iter(parts))) in parts


# Mistakes that no gradient shows: in samplers, precision, range. Laws have to see them.
_RATE = "rate = np.exp(F)\n    nll"
LAWS = [
    (f"law:{name}", file, old, new)
    for name, file, old, new in (
        ("poisson-rate-doubled-in-samples", "likelihoods/poisson.py",
         "capped = np.minimum(rate, MANY)", "capped = np.minimum(2 * rate, MANY)"),
        ("poisson-float64-inside", "likelihoods/poisson.py",
         _RATE, "rate = np.exp(F) * np.ones(1)\n    nll"),
        ("student-samples-are-normal", "likelihoods/student_t.py",
         "stdtrit(self.df, uniform)", "stdtrit(1e6, uniform)"),
        ("heteroscedastic-samples-by-the-variance", "likelihoods/heteroscedastic.py",
         "largest_exp(t) * noise", "largest_exp(2 * t) * noise"),
        ("gaussian-samples-of-half-the-noise", GAUSSIAN,
         "* ndtri(uniform)", "* ndtri(uniform) * 0.5"),
        ("gaussian-variance-for-sd", GAUSSIAN,
         "np.exp(2.0 * self.log_scale(v))", "np.exp(self.log_scale(v))"),
        ("bernoulli-samples-flipped", BERNOULLI,
         "(uniform < sigmoid(F))", "(uniform > sigmoid(F))"),
        ("bernoulli-float64-samples", BERNOULLI,
         ".astype(F.dtype)", ".astype(float)"),
        ("bernoulli-overflow", BERNOULLI,
         "np.maximum(x, log_one_plus(one_plus, e))", "np.log(1 + np.exp(x))"),
        ("categorical-overflow", CATEGORICAL,
         "softmax(F, axis=-1)", "np.exp(F) / np.exp(F).sum(-1, keepdims=True)"),
        ("categorical-classes-of-equal-chance", CATEGORICAL,
         "np.cumsum(self.mean(F, v), -1)", "np.cumsum(0 * F + 1 / F.shape[-1], -1)"),
        ("gaussian-prior-draws-by-the-variance", "priors/gaussian.py",
         "self.scale * rng.standard", "self.scale**2 * rng.standard"),
        ("laplace-prior-draws-by-its-sd", "priors/laplace.py",
         "rng.laplace(0.0, self.b,", "rng.laplace(0.0, self.b * 2**0.5,"),
        ("mixture-draws-exchanged", "priors/scale_mixture.py",
         "< self.pi, self.s1", "> self.pi, self.s1"),
    )
]  # fmt: skip

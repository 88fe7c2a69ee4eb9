"""The network: flat weights to outputs, one loop forward and one back.

Activations are feature-major, (..., S, D + 1, B), and carry a row of ones, so the
block [W; b] of a layer is one contiguous (D + 1, H) matrix and one product does both.
A *layer* is a function ``layer(A, out)`` that writes pre-activations into ``out`` and
returns ``pull(g, input_wanted)``; estimators bring layers of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minibnn.equations import equation
from minibnn.nn.activations import ACTIVATIONS
from minibnn.types import Array, ArrayLike, FloatArray, IntArray
from minibnn.validation.arguments import (
    as_float_array,
    as_inputs,
    as_plain,
    check_all,
    check_bool,
    check_choice,
    check_int,
    check_shape,
)
from minibnn.validation.describe import describe
from minibnn.validation.shapes import check_width

MOST_WEIGHTS = 1_000_000_000  # eight gigabytes

Pull = Callable[[FloatArray, bool], FloatArray | None]  # a layer's way back
Layer = Callable[[FloatArray, FloatArray], Pull]


@equation("E21")
def dense(W: FloatArray, g_W: FloatArray, bias: bool) -> Layer:
    """One dense layer for every sample: the bias is the weight of a constant input 1.

    (E21)  Z = [W; b]ᵀ [A; 1]
    Derivation.  Z_hb = Σ_d W_dh A_db, so a cotangent g of Z gives
        ∂/∂W_dh = Σ_b A_db g_hb  = (A gᵀ)_dh      (written into ``g_W``)
        ∂/∂A_db = Σ_h W_dh g_hb  = (W g)_db       (the row of ones is constant: dropped)
    Shapes.  W, g_W (..., S, D+1, H), A (..., S or 1, D+1, B) -> Z (..., S, H, B)
    """
    n_in = W.shape[-2] - bias

    def layer(A, out):
        np.matmul(W.swapaxes(-1, -2), A, out=out)

        def pull(g, input_wanted):
            np.matmul(A, g.swapaxes(-1, -2), out=g_W)
            return np.matmul(W[..., :n_in, :], g) if input_wanted else None

        return pull

    return layer


class MLP:
    """A multilayer perceptron on flat weights.

    Flat order, layer by layer: W (D, H) row by row, then b (H,).

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output, at least two: ``[8, 12, 1]``; ``[8, 1]`` is a
        linear model.
    activation : {"relu", "tanh", "softplus", "identity"}
        Elementwise function after every layer but the last.
    bias : bool
        Whether each layer has an intercept.

    Raises
    ------
    ValueError, TypeError
        If a width is not a positive integer or the activation is unknown.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> net = mb.MLP([3, 4, 1], activation="tanh")
    >>> net.n_weights  # (3 + 1) 4 + (4 + 1) 1
    21
    >>> w = np.zeros(21)
    >>> w[-1] = 2.0  # the bias of the output
    >>> net(w, X=np.ones((2, 3)))
    array([[2.],
           [2.]])
    """

    sizes: tuple[int, ...]
    shapes: list[tuple[int, int]]  # (D + 1, H) of each layer's block
    slices: list[slice]  # where it stands in the flat weights
    n_weights: int  # P

    def __init__(
        self, sizes: Sequence[int], activation: str = "relu", bias: bool = True
    ) -> None:
        self.sizes = check_sizes(sizes)
        self.activation = check_choice("activation", activation, sorted(ACTIVATIONS))
        self.bias = check_bool("bias", bias)
        self.shapes = [(d + bias, h) for d, h in pairwise(self.sizes)]
        ends = np.cumsum([0] + [rows * h for rows, h in self.shapes]).tolist()
        self.slices = [slice(a, b) for a, b in pairwise(ends)]
        self.n_weights = ends[-1]

    def __repr__(self) -> str:
        bias = "" if self.bias else ", bias=False"
        return f"MLP({list(self.sizes)}, activation={self.activation!r}{bias})"

    @property
    def n_inputs(self) -> int:
        """Input width D."""
        return self.sizes[0]

    @property
    def n_outputs(self) -> int:
        """Output width C."""
        return self.sizes[-1]

    @property
    def fan_in(self) -> IntArray:
        """Number of inputs of the unit each weight feeds, biases included, (P,)."""
        fans = [np.full(rows * h, rows - self.bias) for rows, h in self.shapes]
        return np.concatenate(fans)

    @property
    def is_bias(self) -> NDArray[np.bool_]:
        """Mask of the bias entries, (P,)."""
        masks = [
            np.arange(rows * h) >= (rows - self.bias) * h for rows, h in self.shapes
        ]
        return np.concatenate(masks)

    def blocks(self, w: FloatArray) -> list[FloatArray]:
        """Views of flat weights, one block [W; b] per layer.

        Parameters
        ----------
        w : array (..., P)

        Returns
        -------
        list of arrays (..., D+1, H)
        """
        lead = w.shape[:-1]
        return [
            w[..., part].reshape(lead + shape)
            for part, shape in zip(self.slices, self.shapes, strict=True)
        ]

    def unpack(self, w: ArrayLike) -> list[tuple[Array, Array | None]]:
        """Weights and biases of each layer, as views of flat weights.

        Parameters
        ----------
        w : array (..., P)

        Returns
        -------
        list of (W (..., D, H), b (..., H) or None without biases)

        Raises
        ------
        ValueError, TypeError
            If w has another number of weights, or holds no numbers.

        Examples
        --------
        >>> import minibnn as mb
        >>> import numpy as np
        >>> net = mb.MLP([2, 1])
        >>> [(W, b)] = net.unpack(np.array([1.0, 2.0, 3.0]))
        >>> W.ravel(), b
        (array([1., 2.]), array([3.]))
        >>> net.pack([(W, b)])
        array([1., 2., 3.])
        """
        w = as_plain("w", w)
        check_shape("w", w, w.shape[:-1] + (self.n_weights,))
        if not self.bias:
            return [(block, None) for block in self.blocks(w)]
        return [(block[..., :-1, :], block[..., -1, :]) for block in self.blocks(w)]

    def pack(self, layers: Sequence[tuple[ArrayLike, ArrayLike | None]]) -> Array:
        """The inverse of :meth:`unpack`.

        Parameters
        ----------
        layers : list of (W (..., D, H), b (..., H) or None without biases)

        Returns
        -------
        array (..., P)

        Raises
        ------
        ValueError, TypeError
            Naming the layer whose shapes do not fit.
        """
        if not isinstance(layers, list | tuple) or len(layers) != len(self.shapes):
            raise ValueError(
                f"layers must be a list of {len(self.shapes)} pairs (W, b), "
                f"got {describe(layers)}"
            )
        parts = []
        for i, (rows, h) in enumerate(self.shapes):
            W, b = check_pair(
                f"layers[{i}]", layers[i], (rows - self.bias, h), self.bias
            )
            block = np.concatenate([W, b[..., None, :]], axis=-2) if self.bias else W
            parts.append(block.reshape(block.shape[:-2] + (rows * h,)))
        return np.concatenate(parts, axis=-1)

    def features(self, X: FloatArray) -> FloatArray:
        """Inputs with the constant column of ones appended, if there are biases.

        Parameters
        ----------
        X : array (..., B, D)

        Returns
        -------
        array (..., B, D+1)
        """
        if not self.bias:
            return X
        return np.concatenate([X, np.ones(X.shape[:-1] + (1,), X.dtype)], axis=-1)

    @equation("E25")
    def run(
        self,
        A: FloatArray,
        layers: Sequence[Layer],
        lead: tuple[int, ...],
        like: FloatArray,
    ) -> tuple[FloatArray, Callable[[FloatArray], None]]:
        """All layers in turn, and the way back: the only loop over layers there is.

        (E25)  A_0 = [X; 1],  Z_l = layer_l(A_{l-1}),  A_l = [a(Z_l); 1],  F = Z_L
        Derivation.  With g_l the cotangent of Z_l, the chain rule walks the same list
            backwards: g_{l-1} = a'(Z_{l-1}) ∘ (W_l g_l). The slope a' is read off the
            stored output A_{l-1}. X is data, so the first layer needs no input gradient.

        Parameters
        ----------
        A : array (..., B, D+1)
            Features.
        layers : functions ``layer(A, out) -> pull``
            Each writes its own weight gradient.
        lead : tuple of int
            (..., S), the leading shape of the outputs.
        like : array
            What new arrays are made like.

        Returns
        -------
        F : array (..., S, B, C)
        pull : function of g_F (..., S, B, C)
            Runs all layers back.
        """
        act = ACTIVATIONS[self.activation]
        A = A[..., None, :, :].swapaxes(-1, -2)
        outputs: list[FloatArray] = []
        pulls: list[Pull] = []
        for layer, (_, width) in zip(layers, self.shapes, strict=True):
            is_last = len(pulls) == len(layers) - 1
            ones = self.bias and not is_last
            A_next = empty_features(like, lead, width, ones, A.shape[-1])
            Z = A_next[..., :width, :]
            pulls.append(layer(A, Z))
            if not is_last:
                outputs.append(act.forward(Z))
            A = A_next

        def pull(g_F):
            g = g_F.swapaxes(-1, -2)
            for i in reversed(range(1, len(pulls))):
                g = act.slope(outputs[i - 1], pulls[i](g, True))
            pulls[0](g, False)

        return A.swapaxes(-1, -2), pull

    @equation("E06")
    def apply(
        self, w: FloatArray, A: FloatArray
    ) -> tuple[FloatArray, Callable[[FloatArray], FloatArray]]:
        """Outputs without checks, and the way back.

        (E06)  ∂ℓ/∂w = ∂ℓ/∂f · W · a'(Z) · x   where  Z = w x,  A = a(Z),  f = W A
        Derivation.  A small dw moves Z by x dw, A by a'(Z) as much as Z, f by W as much
            as A, and ℓ by ∂ℓ/∂f as much as f: slopes multiply along the way. Taken from
            the end, every product is the slope for one link, so each is found once.
            Where a number goes on by several ways, their slopes add up: over rows for a
            weight, over units for an input (E21).

        Parameters
        ----------
        w : array (..., S, P)
        A : array (..., B, D+1)
            Features of the inputs.

        Returns
        -------
        F : array (..., S, B, C)
        pull : function
            Cotangent g_F (..., S, B, C) -> gradient g_w (..., S, P), one array that
            every call writes anew.
        """
        dtype = np.result_type(w, A)
        lead = np.broadcast_shapes(w.shape[:-1], A.shape[:-2] + (1,))
        g_w = np.empty_like(w, dtype, shape=lead + (self.n_weights,), order="C")
        blocks = zip(self.blocks(w), self.blocks(g_w), strict=True)
        layers = [dense(W, g_W, self.bias) for W, g_W in blocks]
        F, pull_layers = self.run(A, layers, lead, g_w)

        def pull(g_F):
            pull_layers(g_F)
            return g_w

        return F, pull

    def __call__(self, w: ArrayLike, X: ArrayLike) -> FloatArray:
        """The network's outputs.

        Parameters
        ----------
        w : array (P,) or (S, P)
            Weights, or S samples of them.
        X : array (B, D)

        Returns
        -------
        F : array (B, C) or (S, B, C)

        Raises
        ------
        ValueError, TypeError
            Naming w or X where its shape or its numbers do not fit.
        """
        X = check_width("X", as_inputs(X), self.n_inputs)
        w = as_float_array("w", w, ndim=(1, 2))
        check_shape("w", w, w.shape[:-1] + (self.n_weights,))
        with np.errstate(all="ignore"):  # weights too large are told below
            F, _ = self.apply(np.atleast_2d(w), self.features(X))
        check_all("outputs", F, ~np.isnan(F), "numbers; w or X is too large")
        return F[0] if w.ndim == 1 else F


def empty_features(
    like: FloatArray, lead: tuple[int, ...], width: int, ones: bool, n_rows: int
) -> FloatArray:
    """An array (..., S, width + ones, B) to write in, its row of ones written.

    In memory the features stand before the samples: the ones of all samples lie together
    at the end, and what is before them is one run of numbers.
    """
    shape = (*lead[:-1], width + ones, lead[-1], n_rows)
    A = np.empty_like(like, shape=shape, order="C").swapaxes(-3, -2)
    A[..., width:, :] = 1.0
    return A


def check_pair(name: str, pair: Any, shape: tuple[int, int], bias: bool) -> Any:
    """Return (W, b) as arrays (..., *shape) and (..., width); b is None without bias."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError(f"{name} must be a pair (W, b), got {describe(pair)}")
    W = as_plain(f"{name} W", pair[0])
    b = as_plain(f"{name} b", pair[1]) if bias else None
    check_shape(f"{name} W", W, W.shape[:-2] + shape)
    if b is not None:
        check_shape(f"{name} b", b, W.shape[:-2] + shape[1:])
    return W, b


def check_sizes(sizes: Any) -> tuple[int, ...]:
    """Return the widths as a tuple of at least two ints >= 1."""
    try:
        widths = tuple(sizes)
    except TypeError:
        widths = ()
    if isinstance(sizes, str | bytes | dict | set) or len(widths) < 2:
        raise ValueError(
            "sizes must list the widths from input to output, like [8, 12, 1], "
            f"got {describe(sizes)}"
        )
    widths = tuple(check_int(f"sizes[{i}]", width) for i, width in enumerate(widths))
    if sum(d * h for d, h in pairwise(widths)) > MOST_WEIGHTS:
        raise ValueError(f"sizes must make at most {MOST_WEIGHTS} weights, got {widths}")
    return widths


def initial_weights(net: MLP, rng: np.random.Generator) -> FloatArray:
    """He-style start: N(0, 2 / fan-in) for weights, zero for biases, (P,).

    Source: He et al. 2015, eq. 12.
    """
    draws = rng.standard_normal(net.n_weights) * np.sqrt(2.0 / net.fan_in)
    return np.where(net.is_bias, 0.0, draws)

"""Activations and their slopes, which need the output alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minibnn.equations import equation
from minibnn.numerics import softplus
from minibnn.types import Array


class Activation(NamedTuple):
    """An activation Z -> A, and its slope: (A, g) -> dA/dZ ∘ g; both in place."""

    forward: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]


# Activations overwrite an array that the caller owns. Their slopes are functions of
# the output, so the way back needs no memory of the input.


def tanh(Z: Array) -> Array:
    """Overwrite Z with tanh Z; the derivative is E22."""
    return np.tanh(Z, out=Z)


@equation("E22")
def tanh_slope(A: Array, g: Array) -> Array:
    """Multiply g in place by the derivative of A = tanh Z.

    (E22)  dA/dZ = 1 - A^2

    Derivation.  With tanh = sinh / cosh the quotient rule gives
    (cosh^2 - sinh^2) / cosh^2 = 1 - tanh^2.

    Shapes.  A, g (...,)  ->  g (...,).
    """
    slope = A * A
    return np.multiply(g, np.subtract(1, slope, out=slope), out=g)


def relu(Z: Array) -> Array:
    """Overwrite Z with max(Z, 0); the derivative is E23."""
    if Z.dtype.kind == "c":  # at a real part of 0 the imaginary one must not decide
        return np.multiply(Z, Z.real > 0, out=Z)
    return np.maximum(Z, 0, out=Z)


@equation("E23")
def relu_slope(A: Array, g: Array) -> Array:
    """Multiply g in place by the derivative of A = max(Z, 0).

    (E23)  dA/dZ = 1 where A > 0, else 0

    Derivation.  A = Z where Z > 0 and A = 0 where Z < 0, so the slopes are 1 and 0,
    and A > 0 exactly where Z > 0. At the kink Z = 0 any value between the one-sided
    slopes 0 and 1 is a subgradient; 0 is taken, as is the custom.

    Shapes.  A, g (...,)  ->  g (...,).
    """
    return np.multiply(g, A.real > 0, out=g)


def softplus_activation(Z: Array) -> Array:
    """Overwrite Z with log(1 + e^Z); the derivative is E24."""
    Z[...] = softplus(Z)
    return Z


@equation("E24")
def softplus_slope(A: Array, g: Array) -> Array:
    """Multiply g in place by the derivative of A = softplus Z.

    (E24)  dA/dZ = 1 - e^-A

    Derivation.  A = log(1 + e^Z) gives e^-A = 1 / (1 + e^Z), and
    dA/dZ = e^Z / (1 + e^Z) = 1 - 1 / (1 + e^Z) = 1 - e^-A.

    Shapes.  A, g (...,)  ->  g (...,).
    """
    slope = np.expm1(-A)
    return np.multiply(g, np.negative(slope, out=slope), out=g)


def identity(Z: Array) -> Array:
    """Leave Z as it is: a linear layer."""
    return Z


def identity_slope(A: Array, g: Array) -> Array:
    """Leave g as it is: the derivative of the identity is 1."""
    return g


ACTIVATIONS = {
    "tanh": Activation(tanh, tanh_slope),
    "relu": Activation(relu, relu_slope),
    "softplus": Activation(softplus_activation, softplus_slope),
    "identity": Activation(identity, identity_slope),
}

"""JAX replicas as ``vmap`` of a plain scan: every step draws its own noise.

Slower than :mod:`peer_jax`, which draws ahead, and what one writes first.
"""

from peer_jax import replicas_drawing_inside as train

__all__ = ["predict", "train"]


def predict(work):
    """Not another way to predict."""
    return

"""Data sets: generated problems, small ones for the lessons, and the rupture data."""

from minibnn.datasets.base import Dataset
from minibnn.datasets.rupture_data import check_column_names, longest_repeated_label_run
from minibnn.datasets.synthetic import (
    blundell,
    cubic,
    linear,
    rupture,
    two_clusters,
    two_moons,
)

__all__ = [
    "Dataset",
    "linear",
    "cubic",
    "blundell",
    "two_clusters",
    "two_moons",
    "rupture",
    "check_column_names",
    "longest_repeated_label_run",
]

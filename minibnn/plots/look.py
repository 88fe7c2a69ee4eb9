"""The look of the pictures: the axes to draw on, what is handed back, and colours.

Colours are those of Okabe and Ito, told apart with every kind of colour vision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes

from minibnn.validation.arguments import check_axes
from minibnn.validation.describe import ArgumentTypeError
from minibnn.validation.doors import door

BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, GREY = "#CC79A7", "#E69F00", "#56B4E9", "#777777"
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, "#000000")
PALE, LINE = "#BBBBBB", "#999999"  # of what is expected; of what guides the eye

Artists = dict[str, Any]  # name -> what was drawn under it; "ax" -> where
Look = dict[str, Any]  # keywords that say how something is drawn


@door
def axes(ax: Axes | None = None) -> Axes:
    """Return ax, or the current axes of pyplot.

    Parameters
    ----------
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If nothing can be drawn on it.

    Examples
    --------
    >>> import minibnn as mb
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> mb.plots.axes(ax) is ax
    True
    """
    if ax is None:
        from matplotlib import pyplot as plt

        return plt.gca()
    return check_axes(ax)


def panels(ax: Any, count: int, height: float) -> list[Axes]:
    """The axes given, ``count`` of them, or those of a new figure of pyplot.

    height: of one panel in inches, where a figure is made.
    """
    if ax is None:
        from matplotlib import pyplot as plt

        look: Look = dict(figsize=(7.0, 0.8 + height * count), layout="constrained")
        made = plt.subplots(count, 1, squeeze=False, sharex=True, **look)
        return list(made[1][:, 0])
    flat = getattr(ax, "flat", ax)
    given = list(flat) if isinstance(flat, Iterable) else [ax]
    given = [check_axes(one) for one in given]
    if len(given) != count:
        raise ArgumentTypeError(
            f"ax must be {count} axes, one for each quantity, got {len(given)}"
        )
    return given


def legend(ax: Axes, **where: Any) -> None:
    """A legend under which what is drawn is seen faintly."""
    ax.legend(frameon=True, framealpha=0.85, edgecolor="none", **where)


def minus(text: str) -> str:
    """Text with the sign that is as wide as a plus."""
    return text.replace("-", "\N{MINUS SIGN}")



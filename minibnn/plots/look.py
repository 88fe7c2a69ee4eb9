"""The look of the pictures: the axes to draw on, and colours.

Colours are those of Okabe and Ito, told apart with every kind of colour vision.
"""

from minibnn.validation.arguments import check_axes
from minibnn.validation.doors import door

BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY, GREY = "#CC79A7", "#E69F00", "#56B4E9", "#777777"


@door
def axes(ax=None):
    """Return ax, or the current axes of pyplot."""
    if ax is None:
        from matplotlib import pyplot as plt

        return plt.gca()
    return check_axes(ax)

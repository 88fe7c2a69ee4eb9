"""What a colour means in the figures of the book: one thing has one colour everywhere."""

from minibnn.plots.look import BLUE, GREEN, GREY, ORANGE, PURPLE, RED

PRIOR = GREY
LIKELIHOOD = ORANGE
POSTERIOR = GREEN  # the exact one, or that of a long chain
Q = BLUE  # the variational distribution, and what it predicts
GRADIENT = RED
TRUTH = PURPLE  # the function that made the data; dashed
DATA = "k"

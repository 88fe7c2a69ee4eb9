"""The mistakes people make in a gradient, one topic a file; ``catalogue`` lists them."""

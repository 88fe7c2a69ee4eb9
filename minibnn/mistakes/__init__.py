"""The mistakes people make in a gradient, one topic a file; ``catalogue`` lists them."""

__all__: list[str] = []  # no door: its files are asked one by one

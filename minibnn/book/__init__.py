"""The figures of the pages, and the demonstration that ``minibnn demo`` shows."""

__all__: list[str] = []  # no door: its files are asked one by one

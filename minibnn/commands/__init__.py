"""The commands of the shell, one file each; ``main`` has the table of them."""

__all__: list[str] = []  # no door: its files are asked one by one

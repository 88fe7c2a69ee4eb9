"""The commands of the shell, one file each; ``main`` has the table of them."""

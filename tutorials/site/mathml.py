"""Math of an e-book: MathML, which its readers set without a script."""

def setup(app):
    """Hooks of Sphinx."""
    return {"parallel_read_safe": True}

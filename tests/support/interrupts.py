"""Ctrl-C at a moment of one's choice."""


def interrupt_call(monkeypatch, owner, name, number):
    """Ctrl-C at a certain call of a function."""
    calls, function = [], getattr(owner, name)

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, interrupted)

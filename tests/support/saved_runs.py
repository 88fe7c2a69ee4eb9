"""When are two results the same, bit for bit?"""

import numpy as np


def assert_same(one, other):
    """Bit for bit the same result."""
    for name in ("params", "history"):
        a, b = getattr(one, name), getattr(other, name)
        assert set(a) == set(b)
        for key in a:
            assert a[key].dtype == b[key].dtype, key
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    np.testing.assert_array_equal(one.elbo, other.elbo)
    np.testing.assert_array_equal(one.elbo_se, other.elbo_se)
    assert one.stop_reason == other.stop_reason
    words = [r.prediction_seed.generate_state(4).tolist() for r in (one, other)]
    assert words[0] == words[1]

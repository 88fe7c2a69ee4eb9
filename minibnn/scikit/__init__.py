"""Networks with the manners of scikit-learn, which need not be installed.

``manners.py`` is what scikit-learn asks of any estimator, ``table.py`` what it asks of
data, ``network.py`` the fit that both estimators share.
"""

from minibnn.scikit.classifier import BNNClassifier
from minibnn.scikit.regressor import BNNRegressor

__all__ = ["BNNRegressor", "BNNClassifier"]

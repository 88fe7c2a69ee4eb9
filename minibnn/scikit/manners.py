"""What scikit-learn asks of every estimator, by the names it uses."""

from __future__ import annotations

import sys
from copy import deepcopy
from importlib import import_module
from typing import Any, Self

import numpy as np

from minibnn.validation.arguments import as_rng
from minibnn.validation.keywords import meaning
from minibnn.validation.signature import signature_of


class NotFittedError(ValueError, AttributeError):
    """A prediction was asked of an estimator that has seen no data."""


def sklearns(name: str, own: type) -> type:
    """A class of ``sklearn.exceptions``; where nobody has loaded that, our own."""
    return getattr(sys.modules.get("sklearn.exceptions"), name, own)


class Manners:
    """Parameters in and out, a short repr, tags; what is learned ends in ``_``.

    The constructor keeps its arguments as they are, so that a clone is made of them.
    """

    _estimator_type = ""  # for scikit-learn before 1.6
    _multi_output = False

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        parameters = signature_of(cls).parameters.values()
        return {parameter.name: parameter.default for parameter in parameters}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor, by name.

        Parameters
        ----------
        deep : bool
            Changes nothing: no parameter is an estimator.
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor; a fitted network stays as it is.

        Parameters
        ----------
        **params : objects
            New values by name. Raises ValueError for a name that is no parameter.
        """
        for name in params:
            if name not in self._defaults():
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"{meaning(name, list(self._defaults()))}"
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = [
            f"{name}={getattr(self, name)!r}"
            for name, default in self._defaults().items()
            if repr(getattr(self, name)) != repr(default)
        ]
        return f"{type(self).__name__}({', '.join(given)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "result_")

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn from 1.6 on is told; it alone asks."""
        utils = import_module("sklearn.utils")
        kind, classes = self._estimator_type, self._estimator_type == "classifier"
        return utils.Tags(
            estimator_type=kind,
            target_tags=utils.TargetTags(
                required=True, multi_output=self._multi_output, single_output=True
            ),
            classifier_tags=utils.ClassifierTags() if classes else None,
            regressor_tags=None if classes else utils.RegressorTags(),
        )

    def _more_tags(self) -> dict[str, Any]:  # the same for scikit-learn before 1.6
        return {"requires_y": True, "multioutput": self._multi_output}

    def get_metadata_routing(self) -> Any:
        """What scikit-learn is told where its metadata routing is enabled.

        As with its own estimators a weight that nobody has asked for is refused.
        """
        if hasattr(self, "_metadata_request"):  # the name by which a clone keeps it
            return deepcopy(self._metadata_request)
        routing = import_module("sklearn.utils.metadata_routing")
        request = routing.MetadataRequest(owner=type(self)(**self.get_params()))
        for method in (request.fit, request.score):
            method.add_request(param="sample_weight", alias=None)
        return request

    def set_fit_request(self, *, sample_weight: bool | str | None) -> Self:
        """Whether ``fit`` wants weights that a search or pipeline is given.

        Parameters
        ----------
        sample_weight : bool, str or None
            Yes, no, the name under which they come, or None: nobody has said.
        """
        return self._requested("fit", sample_weight)

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """The same for ``score``.

        Parameters
        ----------
        sample_weight : bool, str or None
            As in ``set_fit_request``.
        """
        return self._requested("score", sample_weight)

    def _requested(self, method: str, wanted: bool | str | None) -> Self:
        request = self.get_metadata_routing()
        getattr(request, method).add_request(param="sample_weight", alias=wanted)
        self._metadata_request = request
        return self

    @property
    def partial_fit(self) -> Any:
        """Refused: raises AttributeError, so that ``hasattr`` says there is none."""
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit: its posterior is that of all rows "
            "together. Call fit with all of them; for data larger than the memory, or a "
            "run to go on with, see batch_size and checkpoint of minibnn.fit"
        )

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise sklearns("NotFittedError", NotFittedError)(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )


def seed_of(name: str, value: Any) -> Any:
    """What ``fit`` calls rng, of what scikit-learn calls random_state.

    A RandomState or Generator moves on. Raises TypeError naming the argument.
    """
    if isinstance(value, np.random.RandomState):
        return np.random.SeedSequence(value.randint(0, 2**31, 4).tolist())
    value = int(value) if isinstance(value, np.integer) else value
    as_rng(value, name)
    return value

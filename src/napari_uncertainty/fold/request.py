"""Request of a fold, checked before any value is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..kinds import (
    AUTO,
    KINDS,
    SIGMOID,
    SOFTMAX,
    find_channel,
    is_single,
    name_of_channel,
    require_independent,
    scores_of,
)
from ..measures import MEASURES, Base, check_base
from ..model.interpretation import Interpretation
from ..probabilities import ProbabilityMap
from ..stored import StoredValues
from .kernel import Kernel
from .kernels import arithmetic_of
from .lazy import as_dask


@dataclass(frozen=True)
class FoldRequest:
    """Maps that a fold is to give, and how the values are to be taken for that.

    Attributes
    ----------
    measures, base, predict
        As of :func:`iter_fold`.
    how : Interpretation
        Kind (``"auto"`` where it has to be found out), temperature and so on.
    region_order : tuple of int
        Labels that independent channels write; empty for 1, 2, 3, …
    channel, channel_name : int or None, str or None
        The one independent channel that the measures are of; None for all together.
    declared : bool
        Whether nobody named the kind: a file says it, or an array has the usual one.
    tissues : bool
        Whether it is known that no class is the background.
    whole : bool
        Whether these tissues sum to 1 wherever there is one.
    """

    measures: tuple[str, ...]
    base: Base
    predict: bool
    how: Interpretation
    region_order: tuple[int, ...]
    channel: int | None
    channel_name: str | None
    declared: bool
    tissues: bool = False
    whole: bool = False

    @property
    def kind(self) -> str:
        """A key of :data:`.KINDS`, or ``"auto"``."""
        return self.how.kind or AUTO

    @property
    def temperature(self) -> float:
        """Number that logits are divided by."""
        return self.how.temperature

    def as_kind(self, kind: str, *, whole: bool = False) -> FoldRequest:
        """Return the same of values of that kind, which are `whole` tissues or not."""
        return replace(self, how=replace(self.how, kind=kind), whole=whole)

    def kernel(self, channels: Any, dtype: np.dtype[Any]) -> Kernel:
        """Return the arithmetic for that many channels of that type.

        Raises
        ------
        InputError
            If a channel is asked for, and the kind has none that are independent.
        """
        kind = KINDS[self.kind].applied(channels).name
        require_independent(kind, self.channel)
        return arithmetic_of(kind, self.whole).of(
            self.measures, self.base, channels, self.predict, dtype, kind,
            self.region_order, self.channel,
        )  # fmt: skip


def request_of(
    probabilities: Any,
    measures: Sequence[str],
    how: Interpretation,
    base: Base,
    predict: bool,
) -> tuple[Any, FoldRequest]:
    """Return the values, class axis first, and the request, if it makes sense."""
    check_base(base)
    unknown = [name for name in measures if name not in MEASURES]
    if unknown or not measures:
        raise ValueError(
            f"Unknown measure {', '.join(unknown) or '(none)'}; "
            f"there is {', '.join(MEASURES)}."
        )
    kind = how.kind
    region_order: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    declared = tissues = False
    if isinstance(probabilities, ProbabilityMap):
        values, region_order = probabilities.values, probabilities.region_order
        names = probabilities.class_names
        tissues = bool(probabilities.tissues_of)
        declared = kind is None and probabilities.kind is not None
        named = KINDS.get(kind or "")
        if named and named.logistic and probabilities.kind == SIGMOID.name:
            kind = scores_of(SIGMOID.name)  # what a file declares is that they overlap
        kind = kind or probabilities.kind or AUTO
    else:
        values = _class_first(probabilities, how.class_axis or 0)
        declared = kind is None
        kind = kind or SOFTMAX.name
    if values.size == 0:
        raise InputError(f"An array of shape {values.shape} holds no voxels.")
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"Values of type {values.dtype} are no probabilities; real numbers are."
        )
    if is_single(kind) and values.shape[0] != 1:
        raise InputError(
            f"{KINDS[kind].title} means one channel, and there are {values.shape[0]}; "
            "choose another kind, or give one of the channels."
        )
    number = find_channel(how.channel, values.shape[0], names)
    return values, FoldRequest(
        tuple(measures), base, predict, replace(how, kind=kind), region_order,
        number, name_of_channel(number, names), declared, tissues,
    )  # fmt: skip


def _class_first(probabilities: Any, class_axis: int) -> Any:
    """An ndarray, dask array or StoredValues, class axis first."""
    if isinstance(probabilities, StoredValues):
        return probabilities
    chunked = as_dask(probabilities)
    values = np.asarray(probabilities) if chunked is None else chunked
    if not -values.ndim <= class_axis < values.ndim:
        raise InputError(
            f"There is no class axis {class_axis} in an array of shape {values.shape}."
        )
    return np.moveaxis(values, class_axis, 0)

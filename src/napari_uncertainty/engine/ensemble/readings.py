"""First reading of each member, which gives its kind and its opinion."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import InputError
from ...model.kinds import AUTO, KINDS, SOFTMAX
from ...model.probabilities import scale_of
from ...model.stored import PlainBytes, StoredValues
from ..blocks import run_in_threads
from ..evidence import Evidence, evidence_of
from ..fold import fit_for, overshoots, sigmoid_for
from ..rescaled import BeyondError, Fit
from ..values import WatchedStream, limits_of, sample_of
from .members import InFileOrder, InVolumes, Member, Source
from .opinion import MemberReading, Opinion

FirstReadings = tuple[list["FirstReading"], list[Opinion], list[tuple[float, float]]]


@dataclass(frozen=True)
class FirstReading:
    """Result of the first reading of a member.

    Attributes
    ----------
    reading : MemberReading
        How its values are read.
    evidence : str
        What they look like.
    doubt, contradiction : str
        See :class:`.UncertaintyMaps`.
    scale : float
        Value that stands for 1.
    share_empty : float
        See :class:`.UncertaintyMaps`.
    """

    reading: MemberReading
    evidence: str = ""
    doubt: str = ""
    contradiction: str = ""
    scale: float = 1.0
    share_empty: float = 0.0


def first_of_array(member: Member, precision: np.dtype[Any]) -> FirstReading:
    """Return the first reading of an array, for which some of its voxels are enough."""
    evidence = evidence_of(sample_of(member.values), limits_of(member.values))
    first = _first(member, precision, evidence)
    if KINDS[first.reading.kind].sums_matter:
        clips = first.reading.clips
        scale = 1.0 if clips else scale_of(member.values, 0) or 1.0
        return replace(first, reading=replace(first.reading, scale=scale), scale=scale)
    return first


def iter_first_readings(
    members: Sequence[Member],
    sources: Sequence[Source],
    precision: np.dtype[Any],
    *,
    threads: int,
) -> Generator[float, None, FirstReadings]:
    """Read all members once, some at a time; yields the share done.

    Where the kind of a member has to be found out from all its values, it is taken for
    a softmax, and read again if it turns out to be something else.
    """
    read = _FirstReadings(members, sources, precision)
    waiting = list(range(len(members)))
    lock = threading.Lock()

    def work(stopped: threading.Event) -> None:
        while not stopped.is_set():
            with lock:
                if not waiting:
                    return
                number = waiting.pop(0)
            with np.errstate(all="ignore"):  # NaN and infinity are how gaps are known
                read.read(number, stopped)

    yield from run_in_threads(
        [work] * min(threads, len(members)),
        share=lambda: min(1.0, sum(read.done) / sum(read.sizes)),
    )
    return (
        [one for one in read.firsts if one is not None],
        [one for one in read.opinions if one is not None],
        read.deviations,
    )


class _FirstReadings:
    """First readings of all members, of which each is read by one thread."""

    def __init__(
        self,
        members: Sequence[Member],
        sources: Sequence[Source],
        precision: np.dtype[Any],
    ) -> None:
        self._members, self._sources = members, sources
        self._precision = precision
        self.sizes = [one.values.size for one in members]
        self.done = [0] * len(members)
        self.firsts: list[FirstReading | None] = [None] * len(members)
        self.opinions: list[Opinion | None] = [None] * len(members)
        self.deviations = [(0.0, 0.0)] * len(members)

    def read(self, number: int, stopped: threading.Event) -> None:
        """Read one member, and again if it is not what it was taken for."""
        member = self._members[number]
        values = member.values
        if not isinstance(values, StoredValues) or isinstance(values.bytes, PlainBytes):
            evidence = evidence_of(sample_of(values), limits_of(values))
            self._take(number, _first(member, self._precision, evidence), stopped)
            return
        watched = WatchedStream.of(values)
        guess = replace(member, kind=SOFTMAX.name) if _is_auto(member) else member
        if _is_auto(member) and member.tissues:
            guess = replace(member, kind=AUTO)  # a softmax, with these
        blank = Evidence(str(guess.kind) if guess.kind in KINDS else SOFTMAX.name, "")
        refused: InputError | None = None
        try:
            taken = _first(guess, self._precision, blank)
            self._take(number, taken, stopped, watched)
        except InputError as error:
            if watched.sampler.sample is None:
                raise
            refused = error
        if watched.sampler.sample is None:
            return  # stopped
        evidence = evidence_of(watched.sampler.sample, watched.sampler.limits)
        clips = isinstance(refused, BeyondError)
        first = _first(member, self._precision, evidence, clips)
        same = _same(first.reading, taken.reading)
        if refused is not None and same:
            raise refused
        if not same:
            self._take(number, first, stopped)
            return
        scale = self.opinions[number].scale  # type: ignore[union-attr]
        self.firsts[number] = replace(first, scale=_scale_of(first.reading, scale))

    def _take(
        self,
        number: int,
        first: FirstReading,
        stopped: threading.Event,
        watched: StoredValues | None = None,
    ) -> None:
        source = self._sources[number]
        if watched is not None:
            source = _reading_from(source, watched)
        opinion = Opinion(first.reading, source.shape)
        refused: InputError | None = None
        self.done[number] = 0
        for channel, place, raw in source.parts():
            if stopped.is_set():
                return
            # Odd values may come from damage, which only the end of the file tells
            # for certain.
            if refused is None:
                try:
                    opinion.part(place).add(channel, raw)
                except InputError as error:
                    refused = error
            self.done[number] += raw.size
        if refused is not None:
            raise refused
        self.deviations[number] = opinion.look_back()
        self.opinions[number] = opinion
        scale = _scale_of(first.reading, opinion.scale)
        self.firsts[number] = replace(first, scale=scale)


def _reading_from(source: Source, values: StoredValues) -> Source:
    """Return a source of the same parts, from values that are watched."""
    if isinstance(source, InFileOrder):
        return InFileOrder(values)
    return InVolumes(values, source.box)


def _is_auto(member: Member) -> bool:
    return member.kind in (None, AUTO)


def _scale_of(reading: MemberReading, scale: float) -> float:
    """Return the value that stands for 1 in the file."""
    if reading.fit is not None:
        return reading.fit.scale
    return scale * reading.divisor


def _same(one: MemberReading, other: MemberReading) -> bool:
    """Return whether both read values in the same way."""
    if (one.whole, one.fit is None) != (other.whole, other.fit is None):
        return False
    softmaxes = all(KINDS[reading.kind].sums_matter for reading in (one, other))
    return one.kind == other.kind or softmaxes


def _first(
    member: Member,
    precision: np.dtype[Any],
    evidence: Evidence,
    clips: bool = False,
) -> FirstReading:
    """Return the first reading of a member, given the evidence.

    With `clips`, it was refused as beyond 0 to 1, and is clipped if it may be.
    """
    named = AUTO if _is_auto(member) else str(member.kind)
    if named == AUTO and evidence.refusal:
        raise InputError(f"'{member.name}': {evidence.refusal}")
    kind, whole = evidence.decide(named, member.declared, member.tissues)
    if evidence.sentence:
        fit = fit_for(kind, member.temperature, evidence, member.values.dtype)
    else:  # nobody has looked at them yet
        fit = sigmoid_for(kind, member.temperature)
    if fit is None and clips and overshoots(kind, evidence):
        fit = Fit(clips=True)
    n_channels = member.values.shape[0]
    if KINDS[kind].single and n_channels != 1:
        raise InputError(
            f"{KINDS[kind].title} means one channel, and '{member.name}' has "
            f"{n_channels}; choose another kind."
        )
    reading = MemberReading(
        member.name,
        kind,
        member.temperature,
        n_channels,
        member.region_order or tuple(range(1, n_channels + 1)),
        member.values.dtype,
        precision,
        fit=fit,
        whole=whole,
    )
    doubt = contradiction = ""
    if _is_auto(member):
        doubt = evidence.doubt
    elif evidence.sentence and not evidence.allows(kind):
        contradiction = evidence.against(kind)
    scale = reading.divisor if fit is None else fit.scale
    empty = float(evidence.numbers.get("share_empty", 0))
    return FirstReading(
        reading, evidence.sentence, doubt, contradiction, scale, share_empty=empty
    )

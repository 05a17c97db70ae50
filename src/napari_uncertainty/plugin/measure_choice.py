"""Choice of the measure, and of what the values are that it is computed from."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import ComboBox, Container, FloatSpinBox, Widget

from ..kinds import AUTO, KINDS
from ..measures import ALL_MEASURES, ENSEMBLE_MEASURES, Measure
from ..model.background import Background
from ..model.interpretation import NO_BACKGROUND, Interpretation
from .preferences import BASE_BY_UNIT

#: What logits can be divided by.
TEMPERATURES = (0.05, 50.0)

_ALL_CHANNELS = ("All together", -1)

_AUTOMATIC = ("Automatic", "")
_NONE = ("None of them", NO_BACKGROUND)


class MeasureChoice(ComboBox):
    """All measures, those of one member first.

    Parameters
    ----------
    value : str
        The one that is chosen at first.
    """

    def __init__(self, value: str) -> None:
        super().__init__(
            choices=[(_title(one), name) for name, one in ALL_MEASURES.items()],
            value=value,
        )

    @property
    def measure(self) -> Measure:
        """The chosen one."""
        return ALL_MEASURES[self.value]

    @property
    def is_of_members(self) -> bool:
        """Return whether it takes several."""
        return self.value in ENSEMBLE_MEASURES


class ValueFields(Container[Widget]):
    """Unit of the map, kind of the values, and what only some kinds have.

    Logits have a temperature, and of independent channels one can be chosen.

    Parameters
    ----------
    unit, kind, temperature : str, str, float
        What is chosen at first.
    """

    def __init__(self, unit: str, kind: str, temperature: float) -> None:
        self.unit = ComboBox(label="Unit", choices=list(BASE_BY_UNIT), value=unit)
        self.kind = ComboBox(
            label="Kind",
            choices=[
                ("Automatic", AUTO),
                *((one.title, name) for name, one in KINDS.items()),
            ],
            value=kind,
        )
        low, high = TEMPERATURES
        self.temperature = FloatSpinBox(
            label="Temperature",
            min=low,
            max=high,
            step=0.05,
            value=temperature,
            tooltip="Logits are divided by it; above 1, the network is less sure.",
        )
        self._channels = [_ALL_CHANNELS]
        self.channel = ComboBox(
            label="Channel",
            # Asked for again whenever layers come or go.
            choices=lambda _: self._channels,
            tooltip="Which of the independent channels the map is of.",
        )
        self._backgrounds = [_AUTOMATIC, _NONE]
        self.background = ComboBox(
            label="Background",
            choices=lambda _: self._backgrounds,
            tooltip="The class that means nothing; all others are foreground. "
            "Automatic: as names, the tool or the values tell, or else the first.",
        )
        fields = (
            self.unit, self.kind, self.temperature, self.channel, self.background,
        )  # fmt: skip
        super().__init__(widgets=fields)
        self.channel.visible = False
        self.margins = (0, 0, 0, 0)
        self.kind.changed.connect(self._explain)
        self._explain()

    @property
    def chosen_kind(self) -> str | None:
        """A key of :data:`.KINDS`, or None where it is to be found."""
        kind: str = self.kind.value
        return None if kind == AUTO else kind

    @property
    def interpretation(self) -> Interpretation:
        """Interpretation that is chosen; the temperature is that of logits alone."""
        kind, channel = self.chosen_kind, int(self.channel.value)
        logits = kind is not None and KINDS[kind].logistic
        return Interpretation(
            kind,
            float(self.temperature.value) if logits else 1.0,
            channel=None if channel == _ALL_CHANNELS[1] else channel,
            background=self.background.value or None,
        )

    def offer_channels(self, names: Sequence[str]) -> None:
        """Let one of these channels be chosen; of the same ones, the choice stays."""
        channels = [(name, number) for number, name in enumerate(names)]
        if self._channels[1:] != channels:
            self._channels = [_ALL_CHANNELS, *channels]
            self.channel.reset_choices()
            self.channel.value = _ALL_CHANNELS[1]
        self.channel.visible = bool(names)

    def offer_backgrounds(self, names: Sequence[str]) -> None:
        """Let one of these classes be chosen; of the same ones, the choice stays."""
        found = [
            (name, Background(number).name(names)) for number, name in enumerate(names)
        ]
        backgrounds = [_AUTOMATIC, *found, _NONE]
        if self._backgrounds != backgrounds:
            # New ones come behind those that stay.
            for self._backgrounds in ([_AUTOMATIC], backgrounds):
                self.background.reset_choices()
        self.background.visible = bool(names)

    def _explain(self) -> None:
        kind = self.chosen_kind
        self.temperature.visible = kind is not None and KINDS[kind].logistic
        if kind is None:
            self.kind.tooltip = "What the file says, or else what the values show."
        else:
            self.kind.tooltip = f"{KINDS[kind].meaning}\n{KINDS[kind].formula}"


def _title(measure: Measure) -> str:
    """Return the title of a measure for a list in a narrow dock."""
    title = measure.title[0].upper() + measure.title[1:]
    if measure.name not in ENSEMBLE_MEASURES:
        return title
    return f"{title.removesuffix(' divergence')} (members)"

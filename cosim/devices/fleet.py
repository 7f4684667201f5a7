"""All devices of a community, kind by kind, and their state. It adds up and passes on; what a kind can do is
in the kind's own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from cosim.core.arrays import FloatArray, IntArray, sum_by
from cosim.core.carriers import TRADED, Carrier
from cosim.core.clock import Period
from cosim.core.records import Series
from cosim.core.weather import Weather
from cosim.devices.base import Device, Ranges, Request, Site, State
from cosim.devices.registry import load
from cosim.errors import CosimError, InputError, Problem, RunError

FleetState = Mapping[str, State]
"""Device kind -> state of its devices."""
_ROUNDING = 1e-9
"""By how much bounds of a range may be in the wrong order [kWh]."""


@dataclass
class _Kept:
    """What devices without a state draw from other carriers in a period."""

    index: int
    inputs: dict[str, Mapping[Carrier, FloatArray]] = field(default_factory=dict)


class Fleet:
    """Devices of `prosumers` prosumers.

    Args:
        kinds: Device kinds in a fixed order.
        prosumers: How many prosumers there are.
    """

    def __init__(self, kinds: Sequence[Device], prosumers: int) -> None:
        self.kinds: dict[str, Device] = {device.kind: device for device in kinds}
        self.prosumers = prosumers
        self._owners: dict[tuple[str, ...], IntArray] = {}
        """Owners of the devices of some kinds, one kind after the other."""
        self._stateless = {name for name, device in self.kinds.items() if not device.initial_state()}
        self._kept = _Kept(-1)
        self._checked: dict[str, Ranges] = {}

    @classmethod
    def build(cls, requests: Mapping[str, Sequence[Request]], site: Site, prosumers: int) -> Fleet:
        """The fleet that was asked for; kinds without a device are left out.

        Args:
            requests: Device kind -> its requests.
            site: Time and series of the community.
            prosumers: How many prosumers there are.

        Raises:
            InputError: if two devices go by the same kind: one would take the other's place; or if one turns
                carriers into each other in a way that nobody would balance.
        """
        kinds: dict[str, Device] = {}
        for name, asked in requests.items():
            wanted = [request for request in asked if len(request.prosumer)]
            if wanted:
                device = load(name).build(wanted, site)
                if device.kind in kinds:
                    raise InputError(
                        Problem(
                            f"device {name!r} goes by the kind {device.kind!r}, as another device does",
                            "give its class a `kind` of its own",
                        )
                    )
                kinds[device.kind] = device
                _check_carriers(name, device)
        return cls(list(kinds.values()), prosumers)

    def initial_state(self) -> FleetState:
        """State of every device before the first period."""
        return {name: device.initial_state() for name, device in self.kinds.items()}

    def ranges(self, state: FleetState, period: Period) -> dict[str, Ranges]:
        """What every device can do in this period.

        Raises:
            RunError: if a kind raises, or breaks its contract: `low <= base <= high`, all finite, and no
                minimum that is out of reach.
        """
        return {
            name: _ranges(device, state[name], period, self._checked) for name, device in self.kinds.items()
        }

    def forget(self) -> None:
        """What devices can do is worked out anew: from now on series or weather may show something else."""
        self._kept = _Kept(-1)
        for device in self.kinds.values():
            device.forget()

    def _kept_of(self, period: Period) -> _Kept:
        if self._kept.index != period.index:
            self._kept = _Kept(period.index)
        return self._kept

    def commit(self, state: FleetState, period: Period, device_kwh: Mapping[str, FloatArray]) -> FleetState:
        """State after the devices drew `device_kwh` [kWh]."""
        return {
            name: device.commit(state[name], period, device_kwh[name]) for name, device in self.kinds.items()
        }

    def seeing(self, series: Mapping[str, Series], weather: Weather | None) -> Fleet:
        """The same devices with other series and weather, for example forecasts."""
        return Fleet([device.seeing(series, weather) for device in self.kinds.values()], self.prosumers)

    def of(self, carrier: Carrier) -> dict[str, Device]:
        """The kinds whose main terminal is on a carrier."""
        return {name: device for name, device in self.kinds.items() if device.carrier == carrier}

    def inputs(self, state: FleetState, period: Period) -> dict[str, Mapping[Carrier, FloatArray]]:
        """What each kind draws from other carriers per kWh at its main terminal; not of kinds without."""
        kept = self._kept_of(period).inputs
        found = {}
        for name, device in self.kinds.items():
            taken = kept.get(name)
            if taken is None:
                taken = device.inputs(state[name], period)
                if not taken.keys() <= set(device.takes):
                    wrong = ", ".join(sorted(taken.keys() - set(device.takes)))
                    raise RunError(f"device {name!r} draws {wrong}, which its `takes` does not name")
                if name in self._stateless:
                    kept[name] = taken
            if taken:
                found[name] = taken
        return found

    def total_by_prosumer(self, device_kwh: Mapping[str, FloatArray]) -> FloatArray:
        """Sum over each prosumer's devices, shape (prosumers,); energies of one carrier."""
        if not device_kwh:
            return np.zeros(self.prosumers)
        names = tuple(device_kwh)
        if names not in self._owners:
            self._owners[names] = np.concatenate([self.kinds[name].prosumer for name in names])
        return sum_by(self._owners[names], np.concatenate([*device_kwh.values()]), self.prosumers)

    def stored_kwh(self, state: FleetState, carrier: Carrier = "electricity") -> FloatArray:
        """Energy of a carrier stored at every prosumer [kWh], shape (prosumers,)."""
        total = np.zeros(self.prosumers)
        for name, device in self.of(carrier).items():
            stored = device.stored_kwh(state[name])
            if stored is not None:
                total += sum_by(device.prosumer, stored, self.prosumers)
        return total

    def unserved_kwh(self, state: FleetState) -> float:
        """Energy that devices needed so far and could not have [kWh]."""
        total = 0.0
        for name, device in self.kinds.items():
            unserved = device.unserved_kwh(state[name])
            if unserved is not None:
                total += float(unserved.sum())
        return total

    def within_period_kw(
        self,
        period: Period,
        device_kwh: Mapping[str, FloatArray],
        ticks: int,
        only: Sequence[str] | None = None,
    ) -> FloatArray:
        """Deviation of every prosumer's power from the period's mean [kW], shape (ticks, prosumers).

        Args:
            period: The period.
            device_kwh: What the devices drew in it.
            ticks: Instants of the series in a period.
            only: Count these kinds alone.
        """
        total = np.zeros((ticks, self.prosumers))
        for name, device in self.kinds.items():
            if only is not None and name not in only:
                continue
            deviation = device.within_period_kw(period, device_kwh[name])
            if deviation is not None:
                for tick in range(ticks):
                    total[tick] += sum_by(device.prosumer, deviation[tick], self.prosumers)
        return total


@njit(cache=True)
def _orderly(low: FloatArray, base: FloatArray, high: FloatArray, least: FloatArray) -> bool:
    """Whether every range is finite and in its order, and every minimum within reach, in one direction; an
    empty `least` is none."""
    for row in range(len(low)):
        width = high[row] - low[row]
        if not (low[row] <= base[row] + _ROUNDING and base[row] <= high[row] + _ROUNDING):
            return False
        if not np.isfinite(width):
            return False
        if len(least) > 0:
            reach = max(-low[row], high[row])
            one_way = low[row] >= 0.0 or high[row] <= 0.0 or least[row] == 0.0
            if not (one_way and 0.0 <= least[row] <= reach + _ROUNDING):
                return False
    return True


_NONE = np.zeros(0)


def _is_right(device: Device, ranges: Ranges) -> bool:
    """Whether ranges keep the contract; what is wrong where is looked for only if something is."""
    low, base, high = ranges.low_kwh, ranges.base_kwh, ranges.high_kwh
    least = low if ranges.minimum_kwh is None else ranges.minimum_kwh
    size = (len(device),)
    for bound in (low, base, high, least):
        if getattr(bound, "shape", None) != size:
            return False
    return bool(_orderly(low, base, high, _NONE if ranges.minimum_kwh is None else least))


def _ranges(device: Device, state: State, period: Period, checked: dict[str, Ranges]) -> Ranges:
    """What the devices of one kind can do; a kind may be somebody else's code.

    Args:
        device: The kind.
        state: Of its devices.
        period: The period.
        checked: What was found right last, by kind; changed.
    """
    try:
        ranges = device.possible(state, period)
        if ranges is checked.get(device.kind):
            return ranges
        if _is_right(device, ranges):
            checked[device.kind] = ranges
            return ranges
        low, base, high = ranges.low_kwh, ranges.base_kwh, ranges.high_kwh
        right = (low <= base + _ROUNDING) & (base <= high + _ROUNDING) & np.isfinite(high - low)
    except CosimError:
        raise
    except Exception as error:
        raise RunError(f"{_who(device, period)} raised {type(error).__name__}: {error}") from error
    who = _who(device, period)
    if np.shape(right) != (len(device),):
        raise RunError(f"{who} gave ranges of shape {np.shape(right)} for {len(device)} devices")
    if not right.all():
        row = int(np.argmin(right))
        raise RunError(
            f"{who} of prosumer {device.prosumer[row]} gave the range {low[row]:g} <= {base[row]:g} <= "
            f"{high[row]:g} kWh (all three finite and in this order)"
        )
    _check_minimum(device, ranges, who)
    return ranges


def _who(device: Device, period: Period) -> str:
    return f"period {period.index}: device {device.kind!r}"


def _check_minimum(device: Device, ranges: Ranges, who: str) -> None:
    """Raises RunError where a minimum is out of reach, or would have to hold in two directions."""
    least = ranges.minimum_kwh
    if least is None:
        return
    if np.shape(least) != (len(device),):
        raise RunError(f"{who} gave minima of shape {np.shape(least)} for {len(device)} devices")
    reach = np.maximum(-ranges.low_kwh, ranges.high_kwh)
    one_way = (ranges.low_kwh >= 0.0) | (ranges.high_kwh <= 0.0) | (least == 0.0)
    right = (least >= 0.0) & (least <= reach + _ROUNDING) & one_way
    if not right.all():
        row = int(np.argmin(right))
        raise RunError(
            f"{who} of prosumer {device.prosumer[row]} gave the minimum {least[row]:g} kWh with the range "
            f"{ranges.low_kwh[row]:g} to {ranges.high_kwh[row]:g} kWh (0 up to what can be reached, in one "
            "direction)"
        )


def _check_carriers(name: str, device: Device) -> None:
    """Raises InputError for a device whose energy would be missing in the balance of a carrier."""
    who = f"device {name!r}"
    if device.carrier not in TRADED:
        raise InputError(
            Problem(f"{who} has its main terminal on {device.carrier}", "it has to be on electricity or heat")
        )
    if device.carrier in device.takes:
        raise InputError(
            Problem(
                f"{who} takes {device.carrier}, on which it has its main terminal", "leave it out of `takes`"
            )
        )
    if device.carrier == "electricity" and (device.role == "conversion" or "heat" in device.takes):
        raise InputError(
            Problem(
                f"{who} has its main terminal on electricity and turns other carriers into each other",
                "give it its main terminal on heat, or another `role` if it takes no heat",
            )
        )

"""Settings of tariffs: what a kWh from the utility is made of, who is paid, and what a trade among prosumers
pays of it. Prices by period are made from them in `tariffs`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Tag

from cosim.core.config import Config, setting
from cosim.settlement.price_forms import (
    Number,
    Price,
    PriceSeries,
    TimeOfUse,
    form_of,
    not_a_switch,
)

DEFAULT = "default"
"""The tariff of prosumers that name none."""
RESERVED = ("wholesale", "carbon")
"""Keys beside the names of tariffs."""


class Charge(Config):
    """A price per kWh beside the energy itself."""

    price: Price = setting(unit="EUR/kWh", about="Per kWh drawn: a number, windows or a series.")
    p2p: bool = setting(True, about="Whether the buyer in a P2P trade pays it too.")


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{value:g} is not a share between 0 and 1 (19 percent is 0.19)")
    return value


Share = Annotated[float, BeforeValidator(not_a_switch), AfterValidator(_share)]
Amount = Annotated[float, BeforeValidator(not_a_switch)]


class Vat(Config):
    """Value-added tax, on everything else that a buyer pays per kWh."""

    share: Share = setting(about="Share that is added, for example 0.19.")
    p2p: bool = setting(
        True, about="Whether the buyer in a P2P trade pays it, on the trade price and its charges."
    )


def _charge_form(value: Any) -> str | None:
    return form_of(value, otherwise="charge")


def _vat_form(value: Any) -> str:
    return "vat" if isinstance(value, dict | Vat) else "share"


def _retail_form(value: Any) -> str | None:
    return form_of(value, otherwise="components")


AnyCharge = Annotated[
    Annotated[Number, Tag("number")]
    | Annotated[TimeOfUse, Tag("time-of-use")]
    | Annotated[PriceSeries, Tag("series")]
    | Annotated[Charge, Tag("charge")],
    Discriminator(_charge_form),
]
AnyVat = Annotated[Annotated[Share, Tag("share")] | Annotated[Vat, Tag("vat")], Discriminator(_vat_form)]


class Retail(Config):
    """What a kWh from the utility is made of: (energy + network + levies) x (1 + VAT)."""

    energy: Price = setting(
        unit="EUR/kWh", about="For the energy itself, to the retailer; a P2P trade never pays it."
    )
    network: AnyCharge = setting(
        0.0, unit="EUR/kWh", about="Network charge, to the network operator: a price, or {price, p2p}."
    )
    levies: AnyCharge = setting(
        0.0, unit="EUR/kWh", about="Levies and energy taxes, to the state: a price, or {price, p2p}."
    )
    vat: AnyVat = setting(0.0, about="Value-added tax, to the state: a share, or {share, p2p}.")

    def charge(self, name: str) -> Charge:
        """`network` or `levies` in full."""
        value = getattr(self, name)
        return value if isinstance(value, Charge) else Charge(price=value)

    def tax(self) -> Vat:
        """`vat` in full."""
        return self.vat if isinstance(self.vat, Vat) else Vat(share=self.vat)


AnyRetail = Annotated[
    Annotated[Number, Tag("number")]
    | Annotated[TimeOfUse, Tag("time-of-use")]
    | Annotated[PriceSeries, Tag("series")]
    | Annotated[Retail, Tag("components")],
    Discriminator(_retail_form),
]


class Imbalance(Config):
    """Prices of what deviates from the contract at gate closure; the energy alone, as in `retail.energy`."""

    short: Price | None = setting(
        None,
        unit="EUR/kWh",
        about="Paid for a kWh drawn beyond the contract, to the retailer; network charges, levies and VAT "
        "come on top. Left out: the energy component of retail.",
    )
    long: Price | None = setting(
        None,
        unit="EUR/kWh",
        about="Received for a kWh not taken, or given beyond the contract. Left out: feed-in.",
    )


class TariffConfig(Config):
    """One tariff: buying from the utility and selling to it."""

    retail: AnyRetail = setting(
        unit="EUR/kWh",
        about="Buying: components (`energy`, `network`, `levies`, `vat`), or one price with all in it, "
        "which the retailer keeps and of which a P2P trade pays nothing.",
    )
    feed_in: Price = setting(unit="EUR/kWh", about="Selling, paid by the retailer; may be negative.")
    imbalance: Imbalance = setting(
        Imbalance, about="What deviates from the contract costs, where the market has a gate closure."
    )
    gas: Price | None = setting(
        None,
        unit="EUR/kWh",
        about="A kWh of gas (lower heating value), everything included but `tariffs.carbon.price`; needed "
        "where a prosumer of this tariff has a device that burns gas.",
    )
    allow_arbitrage: bool = setting(
        False,
        about="Let feed-in exceed retail, or `long` exceed `short`; otherwise an error, since a store then "
        "earns by idling through, or a community by breaking its contracts.",
    )

    def components(self) -> Retail:
        """`retail` in full; a price with everything in it is all energy."""
        return self.retail if isinstance(self.retail, Retail) else Retail(energy=self.retail)


class Carbon(Config):
    """Carbon dioxide: what a kWh emits, and what emitting it costs."""

    price: Amount = setting(
        0.0,
        unit="EUR/t",
        ge=0,
        le=5000,
        about="Paid to the state for gas burnt, on top of `gas`; electricity has it in its price.",
    )
    gas_kg_per_kwh: Amount = setting(
        0.201,
        unit="kg/kWh",
        ge=0,
        le=2,
        about="Emitted by a kWh of gas (lower heating value). Natural gas: 0.201 (BAFA, after the factors of "
        "the German Environment Agency), 0.202 (IPCC 2006: 56.1 kg/GJ).",
    )
    electricity_kg_per_kwh: Amount = setting(
        0.363,
        unit="kg/kWh",
        ge=0,
        le=2,
        about="Emitted by a kWh of electricity from the grid. German mix of 2024: 0.363 (estimate of the "
        "German Environment Agency, 2025).",
    )


def _is_mapping(value: Any) -> Any:
    if not isinstance(value, dict | TariffConfig):
        raise ValueError(
            "a tariff is a mapping with `retail` and `feed_in` (beside tariffs, only "
            f"{' and '.join(f'`{key}`' for key in RESERVED)} stand here)"
        )
    return value


class TariffsConfig(Config):
    """Tariffs by name. Any key beside those listed is the name of a further tariff that groups can name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[TariffConfig, BeforeValidator(_is_mapping)]]

    default: TariffConfig = setting(about="The tariff of prosumers that name none.")
    wholesale: Price | None = setting(
        None,
        unit="EUR/kWh",
        about="What energy is worth outside the community: the retailer procures and sells at it, and "
        "the network operator buys losses. For the money table alone; left out: feed-in of `default`.",
    )
    carbon: Carbon = setting(Carbon, about="What gas and electricity emit, and what that costs.")

    def named(self) -> dict[str, TariffConfig]:
        """Every tariff by name, `default` first."""
        return {DEFAULT: self.default, **(self.__pydantic_extra__ or {})}

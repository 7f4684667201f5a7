"""Between decisions and the market: what a prosumer decided and what its devices can do become orders; what
the market filled becomes a dispatch. Pure: nothing here changes a state or knows other prosumers."""

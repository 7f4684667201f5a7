"""Who decides for the prosumers: the contract, the registry, and the rules that do not learn. Usable without
a simulation. Nothing here knows a market, a device or a grid."""

from cosim.policies.adapter import SingleAgentPolicy, decide_rows
from cosim.policies.check import Finding, check_policy
from cosim.policies.contract import (
    ASK,
    ASK_MARGIN,
    BID,
    BID_MARGIN,
    Everybody,
    Policy,
    PolicyInputs,
    RoundView,
    Shout,
    Spec,
    Transition,
    board,
)
from cosim.policies.outlook import Outlook, Owned, action_name
from cosim.policies.registry import create, load, names
from cosim.policies.rules.baseline import baseline_action
from cosim.policies.validation import (
    checked_act,
    checked_action,
    checked_finish,
    checked_learn,
    checked_margins,
    checked_requote,
    checked_weights,
)

__all__ = [
    "ASK",
    "ASK_MARGIN",
    "BID",
    "BID_MARGIN",
    "Everybody",
    "Finding",
    "Outlook",
    "Owned",
    "Policy",
    "PolicyInputs",
    "RoundView",
    "Shout",
    "SingleAgentPolicy",
    "Spec",
    "Transition",
    "action_name",
    "baseline_action",
    "board",
    "check_policy",
    "checked_act",
    "checked_action",
    "checked_finish",
    "checked_learn",
    "checked_margins",
    "checked_requote",
    "checked_weights",
    "create",
    "decide_rows",
    "load",
    "names",
]

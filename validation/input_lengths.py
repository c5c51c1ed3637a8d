"""Input lengths of requests beside recorded services."""

from __future__ import annotations

import numpy as np
import pandas as pd

from edgeroute_env.scenario_files import load_scenario, scenario_names
from edgeroute_env.tables_io import read_frame
from validation.generated import traces
from validation.section import Floats, Section, compare, recording

AZURE, MOONCAKE = "azure2023_conv.csv.gz", "mooncake_conversation.csv.gz"
LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)
SEEDS = range(20)
SHORT = 0.25  # of the recorded median


def input_tokens(preset: str) -> Floats:
    """Return the input of every generated turn: the dialogue so far and the new prompt, tokens.

    The dialogue so far holds the edge's answers.
    """
    rows = traces(load_scenario(preset), SEEDS)
    names = ["device", "turn", "prompt_tokens", "answer_tokens_edge"]
    turns = pd.DataFrame({name: rows[name].ravel() for name in names})
    turns["trace"] = np.repeat(np.arange(rows.shape[0]), rows.shape[1])
    turns["begins"] = turns["turn"] == 1
    phone = ["trace", "device"]
    turns["dialogue"] = turns.groupby(phone)["begins"].cumsum()
    so_far = turns.groupby([*phone, "dialogue"])[names[2:]].cumsum().sum(axis=1)
    return (so_far - turns["answer_tokens_edge"]).to_numpy(np.float64)


def section() -> Section:
    """Compare every preset's input lengths with those of recorded services."""
    recorded = {
        name: read_frame(recording(file))["in_tok"].to_numpy(np.float64)
        for name, file in (("Azure conversation", AZURE), ("Mooncake conversation", MOONCAKE))
    }
    generated = {name: input_tokens(name) for name in scenario_names()}
    middle = float(np.median(recorded["Azure conversation"]))
    tenants = load_scenario("paper").edge.background.context_tokens
    short = [name for name, tokens in generated.items() if np.median(tokens) < SHORT * middle]
    data = {
        "levels": LEVELS,
        "recorded": {name: np.quantile(tokens, LEVELS) for name, tokens in recorded.items()},
        "generated": {name: np.quantile(tokens, LEVELS) for name, tokens in generated.items()},
        "short": short,
        "short_share": SHORT,
        "tenants": tenants,
    }
    compared = compare("Input of other tenants, median", [tenants / middle - 1.0], "%")
    return Section(data, [compared])

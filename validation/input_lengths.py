"""Input lengths of requests beside recorded services."""

import numpy as np
import pandas as pd

from edgeroute_env.scenario_files import load_scenario, scenario_names
from edgeroute_env.tables_io import read_frame
from validation.generated import traces
from validation.section import LEVELS, Floats, Section, compare, recording

AZURE, MOONCAKE = "azure2023_conv.csv.gz", "mooncake_conversation.csv.gz"
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
    files = {"Azure conversation": AZURE, "Mooncake conversation": MOONCAKE}
    recorded = {
        name: np.quantile(read_frame(recording(file))["in_tok"], LEVELS)
        for name, file in files.items()
    }
    generated = {name: np.quantile(input_tokens(name), LEVELS) for name in scenario_names()}
    median = LEVELS.index(0.5)
    middle = recorded["Azure conversation"][median]
    tenants = load_scenario("paper").edge.background.context_tokens
    data = {
        "levels": LEVELS,
        "recorded": recorded,
        "generated": generated,
        "short": [name for name, at in generated.items() if at[median] < SHORT * middle],
        "short_share": SHORT,
        "tenants": tenants,
    }
    compared = compare("Input of other tenants, median", [tenants / middle - 1.0], "%")
    return Section(data, [compared])

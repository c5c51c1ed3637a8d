"""A scenario warns where the latency law has not been compared with anything."""

import warnings

import pytest

from edgeroute_env import load_scenario, scenario_names

HUGE = {
    "name": "huge", "parameters_b": 405, "body_parameters_b": 400, "tied_embeddings": False,
    "layers": 126, "hidden": 16384, "heads": 128, "kv_heads": 8, "head_size": 128,
}  # fmt: skip


def test_a_model_beyond_all_measured_ones_warns() -> None:
    with pytest.warns(UserWarning, match=r"edge\.model huge: .*0\.35 to 71 billion"):
        load_scenario("paper", {"edge.model": HUGE, "edge.tensor_parallel": 16})


@pytest.mark.parametrize("name", scenario_names())
def test_no_preset_is_beyond_them(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_scenario(name)

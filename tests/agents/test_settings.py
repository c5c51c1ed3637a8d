"""Training settings come from a file each, and every field is checked and explained."""

from __future__ import annotations

import pytest

from edgeroute_agents.settings import KINDS, load_settings
from edgeroute_env import InputError
from edgeroute_env.config_files import config_path


@pytest.mark.parametrize("algorithm", KINDS)
def test_settings_are_checked(algorithm: str) -> None:
    assert isinstance(load_settings(algorithm), KINDS[algorithm])
    assert load_settings(algorithm, {"gamma": 0.5}).gamma == 0.5
    with pytest.raises(InputError, match=r"gamma: got 2.0; allowed: a number from 0 to 1"):
        load_settings(algorithm, {"gamma": 2.0})
    with pytest.raises(InputError, match="gama: got 1; allowed: one of the fields rule, distilled"):
        load_settings(algorithm, {"gama": 1})
    with pytest.raises(InputError, match=r"validation_episodes: got 1000000000; allowed: .* 50000"):
        load_settings(algorithm, {"validation_episodes": 10**9})


@pytest.mark.parametrize("algorithm", KINDS)
def test_every_setting_is_explained_in_its_file(algorithm: str) -> None:
    text = config_path("agents", f"{algorithm}.yaml").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert {line.partition(":")[0] for line in lines} == set(KINDS[algorithm].model_fields)
    assert [line for line in lines if "  # " not in line] == []

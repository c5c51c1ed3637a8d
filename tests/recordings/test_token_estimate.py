"""The token estimate behaves, and deviates from cl100k_base as much as its docstring says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeroute_env.recordings import downloads
from edgeroute_env.recordings.tokens import count_tokens


@given(st.text(), st.text())
def test_the_token_estimate_is_positive_and_grows_with_the_text(one: str, other: str) -> None:
    assert 1 <= count_tokens(one) <= max(1, len(one))
    assert count_tokens(f"{one} {other}") >= count_tokens(one)


def test_the_token_estimate_is_as_close_as_documented() -> None:
    path = downloads.data_folder() / "mmlu_outcomes.parquet"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the data folder")
    import pandas as pd

    table = pd.read_parquet(path)
    true = table["prompt_tok"].to_numpy()
    deviation = np.array([count_tokens(text) for text in table["prompt"]]) - true
    assert deviation.sum() / true.sum() == pytest.approx(-0.010, abs=5e-4)
    assert np.mean(np.abs(deviation) / true) == pytest.approx(0.048, abs=5e-4)
    assert np.quantile(np.abs(deviation) / true, 0.95) == pytest.approx(0.151, abs=5e-4)

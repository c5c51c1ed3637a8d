"""An exported graph decides as its policy does, its rule included."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeroute_agents.onnx_graph import Lazy, export
from edgeroute_agents.settings import KINDS
from edgeroute_baselines.linear import LinearRouter, margin
from edgeroute_env import decode
from tests.helpers.learning import MANY, RULES, made, observations


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_in_torch_is_the_rule(rule: LinearRouter) -> None:
    seen = observations(MANY, "quota")
    lazy = {name: Lazy(torch.as_tensor(values)) for name, values in decode(seen).items()}
    found = margin(lazy, rule.weights).tensor.numpy()
    np.testing.assert_allclose(found, rule.margins(seen), rtol=0, atol=1e-12)


@pytest.mark.parametrize("algorithm", KINDS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_exported_graph_decides_alike(
    algorithm: str, rule: LinearRouter, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    _, policy = made(algorithm, rule, learned=True)
    export(policy, tmp_path / "p.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # more would only wait for each other
    running = onnxruntime.InferenceSession(str(tmp_path / "p.onnx"), options)
    seen = observations(MANY, seed=9)
    expected = policy.route(seen)
    assert 0.02 < expected.mean() < 0.98
    assert np.array_equal(running.run(None, {"observations": seen})[0], expected)
    start = time.process_time()
    for row in range(500):
        running.run(None, {"observations": seen[row : row + 1]})
    assert (time.process_time() - start) / 500 < 0.005  # s; about 0.07 ms where it was written

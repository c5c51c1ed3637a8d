"""What a scorer reads of a prompt beside the encoder's vector."""

from __future__ import annotations

import numpy as np

from edgeroute_env.semantic.prompt_features import FEATURES, LENGTH, length_features, shape_features


def test_features_are_finite_for_any_text() -> None:
    texts = [
        "",
        " ",
        "a",
        "数学の問題を解いてください。",
        "1" * 500,
        "٣ + ٤",
        "x" * 100_000,
        "\n\n",
    ]
    shape = shape_features(texts)
    assert shape.shape == (len(texts), len(FEATURES))
    assert np.isfinite(shape).all()
    assert np.isfinite(length_features(texts, np.arange(len(texts)))).all()
    assert length_features([], np.zeros(0, np.int64)).shape == (0, len(LENGTH))
    assert shape_features([]).shape == (0, len(FEATURES))

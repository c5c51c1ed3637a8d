"""Fit the law of the scores: quantiles of the shipped scorer's on the recorded outcomes.

The quantiles, on the scale of logits, and the AUC go into the benchmarks' calibrations
(`score` in configs/benchmarks); traces.scores draws from them.

    python studies/score_laws.py
"""

import numpy as np
from sklearn.metrics import roc_auc_score

from edgeroute_env.benchmarks import SCORE_LEVELS
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.semantic.questions import load_recipe, read_questions, recipe_names
from edgeroute_env.semantic.recorded_scores import recorded_scores


def main() -> None:
    """Print the `score` entry of every pair of models that a packaged recipe covers."""
    for name in recipe_names():
        recipe = load_recipe(name)
        questions = read_questions(data_file(recipe.file), recipe)
        labels = questions.labels()
        recorded = recorded_scores(questions, recipe, recipe.held_out)
        for k, pair in enumerate(questions.pairs):
            needed, scores = labels[:, k, 0], recorded[:, k, 0]
            ranked = roc_auc_score(needed, scores)
            quantiles = np.quantile(np.log(scores / (1.0 - scores)), SCORE_LEVELS)
            logits = ", ".join(f"{quantile:.3f}" for quantile in quantiles)
            print(f"{pair}:\nscore:  # [D] the scorer, out of fold by {recipe.held_out}")
            print(f"  auc: {ranked:.3f}\n  logits: [{logits}]")


if __name__ == "__main__":
    main()

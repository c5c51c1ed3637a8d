"""How good a scorer is, beside length alone, words (TF-IDF) and nearest neighbours.

    python -m studies.scorer_comparison RECIPE --out FIGURES.json [--by group] [--seeds 5]
    python -m studies.scorer_comparison RECIPE --out FIGURES.json --head HEAD

The first trains heads and tests them out of fold, several times, on the same splits as the simple
scorers; with `--by group`, on subjects (or clusters of similar questions) that they did not see. It
made the tables of the shipped heads' card: with `mmlu` and `gsm8k`, both ways. The second tests one
head on a table: give questions that it was not trained on. Both print a table of AUC, ECE, Brier
score and APGR, write all figures to a JSON file and draw a reliability diagram beside it.

    --table FILE     the outcome table; default: the recipe's, in the data folder
    --encoder NAME   a folder or hub name; default: the shipped heads' encoder
    --overwrite      replace what is there
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from edgeroute_env.cli.options import console, notes, progress
from edgeroute_env.files import refuse_overwrite, replacing
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.semantic.encoder import DEFAULT_ENCODER, LAST, LAYERS, Encoder
from edgeroute_env.semantic.prompt_features import prepared
from edgeroute_env.semantic.questions import Questions, load_recipe, read_questions
from edgeroute_env.semantic.scorer import Scorer, load_head
from edgeroute_env.semantic.scorer_settings import By
from edgeroute_env.semantic.training.out_of_fold import FOLDS
from edgeroute_env.semantic.training.train_head import read_by
from studies.scorer_comparison.compare_scorers import Figures, compare, tested, with_clusters
from studies.scorer_comparison.show import diagram, table_of


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line given, or this process's."""
    parser = argparse.ArgumentParser(prog="scorer_comparison", usage=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--head")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--by", choices=["question", "group"], default="question")
    parser.add_argument("--seeds", type=int, choices=range(2, 11), default=5)
    parser.add_argument("--overwrite", action="store_true")
    asked = parser.parse_args(arguments)
    picture = asked.out.with_suffix(".png")
    for path in (asked.out, picture):
        refuse_overwrite(path, asked.overwrite)
    recipe = load_recipe(asked.recipe)
    questions = read_questions(asked.table or data_file(recipe.file), recipe)
    with progress(quiet=False) as bar:
        if asked.head is None:
            encoder = Encoder(asked.encoder, (*LAYERS, LAST))
            rows = _compared(questions, encoder, asked.by, asked.seeds, bar)
        else:
            scorer = Scorer(load_head(asked.head))
            encoding = bar.add_task("encoding", total=len(questions))
            inputs = read_by(scorer.encoder, questions, lambda done: bar.advance(encoding, done))
            rows = tested(scorer.head, questions, inputs)
    with replacing(asked.out) as part:
        part.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    diagram(rows, picture)
    console.print(table_of(rows))
    notes.print(f"written: {asked.out} and {picture}")


def _compared(
    questions: Questions, encoder: Encoder, by: By, seeds: int, bar: Progress
) -> list[Figures]:
    """Return the figures of heads on the encoder's first layers beside the simple scorers'."""
    encoding = bar.add_task("encoding", total=len(questions))
    seen = encoder.encode(questions.texts, lambda done: bar.advance(encoding, done))
    width = encoder.width // len(encoder.layers)
    sentence = seen.vectors[:, -width:]
    inputs = prepared(questions.texts, seen.vectors[:, :-width], seen.tokens)
    if by == "group":
        questions = with_clusters(questions, sentence)
    folds = bar.add_task(f"by {by}", total=seeds * FOLDS)
    return compare(questions, inputs, sentence, by, seeds, lambda: bar.advance(folds))


if __name__ == "__main__":
    main()

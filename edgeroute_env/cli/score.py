"""`edgeroute score`: score prompts, and train and test scorers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeroute_env.cli.options import (
    OverwriteOption,
    QuietOption,
    console,
    notes,
    progress,
)
from edgeroute_env.errors import InputError
from edgeroute_env.files import refuse_overwrite, replacing
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.semantic.encoder import DEFAULT_ENCODER, LAST, LAYERS, Encoded, Encoder
from edgeroute_env.semantic.inputs import Row, read_rows, write_rows
from edgeroute_env.semantic.network import DEFAULTS
from edgeroute_env.semantic.questions import Questions, Recipe, load_recipe, read_questions
from edgeroute_env.semantic.scorer import DEFAULT_PAIR, SUFFIX, Scorer, load_head, pair_of

app = typer.Typer(help="Score prompts; train and test scorers.", no_args_is_help=True)
RecipeArgument = Annotated[
    str, typer.Argument(help="A packaged recipe (mmlu, gsm8k) or a YAML file of one's own.")
]
TableOption = Annotated[
    Path | None, typer.Option(help="The outcome table; default: the recipe's, in the data folder.")
]
HeadOption = Annotated[
    str, typer.Option(help=f"A shipped pair of models or a {SUFFIX} file of one's own.")
]
EncoderOption = Annotated[
    str, typer.Option(help="A BERT-family encoder: a folder, a hub name or the default.")
]
ByOption = Annotated[
    str, typer.Option(help="What is held out: single questions, or whole groups (subjects).")
]


@app.command("text")
def text(
    prompt: Annotated[str, typer.Argument(help="The prompt.")],
    head: HeadOption = DEFAULT_PAIR,
) -> None:
    """Print how likely the large model is needed for a prompt."""
    if not prompt.strip():
        raise InputError("PROMPT", prompt, "a text")
    scorer, pair = _scorer(head)
    found = scorer.score([prompt], pair)
    console.print(f"{pair}: P(only the large model is right) = {found.needed[0]:.3f}")
    console.print(f"P(the model on the device is wrong) = {found.device_wrong[0]:.3f}")
    cut = f", truncated to the first {scorer.encoder.max_tokens}" if found.truncated[0] else ""
    console.print(f"{found.tokens[0]} tokens of the encoder{cut}")


@app.command("file")
def file(
    path: Annotated[Path, typer.Argument(help="A .csv, .jsonl or .parquet file of prompts.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A file of any of these kinds.")],
    column: Annotated[str, typer.Option(help="The column (or key) with the prompts.")] = "prompt",
    head: HeadOption = DEFAULT_PAIR,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out.")] = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score the prompts of a file: its rows with score, device_wrong, tokens and truncated."""
    refuse_overwrite(out, overwrite)
    rows = _good(path, read_rows(path, column), skip_bad)
    scorer, pair = _scorer(head)
    with progress(quiet) as bar:
        task = bar.add_task("scoring", total=len(rows))
        prompts = [row.values[column] for row in rows]
        found = scorer.score(prompts, pair, lambda done: bar.advance(task, done))
    scored = [
        {
            **row.values,
            "score": round(float(found.needed[k]), 6),
            "device_wrong": round(float(found.device_wrong[k]), 6),
            "encoder_tokens": int(found.tokens[k]),
            "truncated": bool(found.truncated[k]),
        }
        for k, row in enumerate(rows)
    ]
    write_rows(scored, out, overwrite)
    console.print(f"{len(rows)} prompts scored for {pair}: {out}", soft_wrap=True)
    if found.truncated.any():
        limit = scorer.encoder.max_tokens
        notes.print(f"{int(found.truncated.sum())} prompts were truncated to {limit} tokens")


@app.command("train")
def train(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help=f"The head: a {SUFFIX} file.")],
    table: TableOption = None,
    encoder: EncoderOption = DEFAULT_ENCODER,
    by: ByOption = "question",
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Train the encoder too; saved beside the head.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of folds, weights and order.")] = 0,
    epochs: Annotated[
        int, typer.Option(min=1, max=1000, help="Epochs a member, at most.")
    ] = DEFAULTS.epochs,
    tensorboard: Annotated[
        Path | None, typer.Option(help="A folder for TensorBoard's curves.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted training of the same head.")
    ] = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train and calibrate a head on recorded outcomes; the encoder is frozen unless asked."""
    from edgeroute_env.semantic.features import prepared
    from edgeroute_env.semantic.finetuning import finetune as tuned
    from edgeroute_env.semantic.training import fit
    from edgeroute_env.semantic.watching import CHECKPOINT_SUFFIX, Watch

    refuse_overwrite(out, overwrite)
    if not out.name.endswith(SUFFIX):
        raise InputError("--out", str(out), f"a name ending in {SUFFIX}")
    beside = out.with_suffix(".encoder")
    if finetune and beside.exists() and not overwrite:
        raise InputError("--out", str(beside), "no encoder there yet, or --overwrite")
    chosen, questions = _questions(recipe, table)
    settings = dataclasses.replace(DEFAULTS, seed=seed, epochs=epochs)
    about: dict[str, Any] = {
        "encoder": encoder,
        "layers": list(LAYERS),
        "recipe": chosen.model_dump(mode="json"),
        "settings": dataclasses.asdict(settings),
        "questions": len(questions),
        "data_sha256": questions.digest(),
    }
    reader = Encoder(encoder)
    members = 1 if finetune else settings.members
    with progress(quiet) as bar:
        task = bar.add_task("training", total=members * epochs)
        watch = Watch(
            out.with_suffix(CHECKPOINT_SUFFIX),
            json.dumps({**about, "by": by, "finetune": finetune}, sort_keys=True),
            resume,
            tensorboard,
            lambda: bar.advance(task),
        )
        if finetune:
            head = tuned(questions, reader, about, _by(by), settings, watch)
            reader.save(beside)
            head.about["encoder"] = str(beside)
        else:
            seen = _encoded(reader, questions, bar)
            inputs = prepared(questions.texts, seen.vectors, seen.tokens)
            head = fit(questions, inputs, about, _by(by), settings, watch)
    head.save(out, overwrite)
    watch.close()
    console.print(f"{', '.join(head.pairs)}: {out}", soft_wrap=True)


@app.command("eval")
def evaluate(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="A .json file for all figures.")],
    head: Annotated[
        str | None, typer.Option(help="Test this head on the table instead of cross-fitting.")
    ] = None,
    table: TableOption = None,
    encoder: EncoderOption = DEFAULT_ENCODER,
    by: ByOption = "question",
    seeds: Annotated[int, typer.Option(min=2, max=10, help="Splits to repeat over.")] = 5,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Test a scorer: AUC, Brier, ECE and APGR, with a reliability diagram beside the figures.

    Without --head, heads are trained and tested out of fold, beside length alone, words (TF-IDF)
    and nearest neighbours on the same splits. With it, the head is tested on the table: give
    questions that it was not trained on.
    """
    from edgeroute_env.semantic.comparison import compare, tested
    from edgeroute_env.semantic.crossfit import FOLDS, with_clusters
    from edgeroute_env.semantic.features import prepared
    from edgeroute_env.semantic.report import diagram, table_of

    refuse_overwrite(out, overwrite)
    picture = out.with_suffix(".png")
    refuse_overwrite(picture, overwrite)
    _, questions = _questions(recipe, table)
    with progress(quiet) as bar:
        if head is not None:
            scorer = Scorer(load_head(head))
            seen = _encoded(scorer.encoder, questions, bar)
            inputs = prepared(questions.texts, seen.vectors, seen.tokens)
            rows = tested(scorer.head, questions, inputs)
        else:
            reader = Encoder(encoder, (*LAYERS, LAST))
            seen = _encoded(reader, questions, bar)
            width = reader.width // len(reader.layers)
            sentence = seen.vectors[:, -width:]
            inputs = prepared(questions.texts, seen.vectors[:, :-width], seen.tokens)
            if by == "group":
                questions = with_clusters(questions, sentence)
            task = bar.add_task(f"by {by}", total=seeds * FOLDS)
            rows = compare(
                questions,
                inputs,
                sentence,
                _by(by),
                seeds,
                DEFAULTS,
                lambda: bar.advance(task),
            )
    with replacing(out) as part:
        part.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    diagram(rows, picture)
    console.print(table_of(rows))
    notes.print(f"written: {out} and {picture}")


def _scorer(head: str) -> tuple[Scorer, str]:
    loaded = load_head(head)
    return Scorer(loaded), pair_of(loaded, head)


def _questions(name: str, table: Path | None) -> tuple[Recipe, Questions]:
    recipe = load_recipe(name)
    return recipe, read_questions(table or data_file(recipe.file), recipe)


def _encoded(encoder: Encoder, questions: Questions, bar: Any) -> Encoded:
    task = bar.add_task("encoding", total=len(questions))
    return encoder.encode(questions.texts, lambda done: bar.advance(task, done))


def _by(by: str) -> Any:
    if by not in ("question", "group"):
        raise InputError("--by", by, "question or group")
    return by


def _good(path: Path, rows: list[Row], skip_bad: bool) -> list[Row]:
    """Return the rows without fault; tell the others, and stop unless they may be skipped."""
    bad = [row for row in rows if row.fault]
    for row in bad:
        notes.print(f"{path}, line {row.line}: {row.fault}", markup=False, highlight=False)
    if bad and not skip_bad:
        raise InputError(str(path), f"{len(bad)} bad rows", "none, or --skip-bad")
    good = [row for row in rows if not row.fault]
    if not good:
        raise InputError(str(path), "no good row", "at least one prompt")
    return good

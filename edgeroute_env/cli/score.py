"""`edgeroute score`: score prompts and recorded questions, and train scorers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edgeroute_env.benchmarks import SCORE_LEVELS
from edgeroute_env.cli import options
from edgeroute_env.cli.options import console, notes, progress
from edgeroute_env.config_files import config_names, config_path, read_yaml
from edgeroute_env.errors import InputError
from edgeroute_env.files import refuse_overwrite
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.semantic.encoder import DEFAULT_ENCODER, Encoder
from edgeroute_env.semantic.head import sigmoid
from edgeroute_env.semantic.prompt_files import PromptRow, read_prompts, write_rows
from edgeroute_env.semantic.questions import load_recipe, read_questions
from edgeroute_env.semantic.recorded_scores import store_scores, stored_scores
from edgeroute_env.semantic.scorer import DEFAULT_PAIR, SUFFIX, Scorer, load_head
from edgeroute_env.semantic.scorer_settings import DEFAULT_SETTINGS, By

app = typer.Typer(help="Score prompts and recorded questions; train scorers.", no_args_is_help=True)
RecipeArgument = Annotated[
    str, typer.Argument(help="A packaged recipe (mmlu, gsm8k) or a YAML file of one's own.")
]
HeadOption = Annotated[
    str, typer.Option(help=f"A shipped pair of models or a {SUFFIX} file of one's own.")
]

HELD_OUT = "What is held out: single questions, or whole groups (subjects)."


@app.command("text")
def text(
    prompt: Annotated[str, typer.Argument(help="The prompt.")],
    head: HeadOption = DEFAULT_PAIR,
) -> None:
    """Print how likely the large model is needed for a prompt, and what this number means."""
    if not prompt.strip():
        raise InputError("PROMPT", prompt, "a text")
    scorer, pair = _scorer(head)
    found = scorer.score([prompt], pair)
    score = float(found.needed[0])
    cut = f", truncated to the first {scorer.encoder.max_tokens}" if found.truncated[0] else ""
    told = [
        f"{pair}: score = {score:.3f}",
        "The score is the probability, from 0 to 1, that only the large model is right: of the "
        f"prompts with this score, {score:.1%} need the large model.",
        f"P(the model on the device is wrong) = {found.device_wrong[0]:.3f}; where both models "
        "are wrong, the large one does not help.",
        _place(pair, score),
        f"A router with threshold theta sends the prompt to the edge if theta is below {score:.3f}."
        " Bao's rule first takes off alpha for each second that the edge is slower.",
        f"Scorer: head {head}, encoder {scorer.head.about['encoder']}; the prompt has "
        f"{found.tokens[0]} tokens{cut}.",
    ]
    for line in filter(None, told):
        console.print(line, width=min(80, console.width), markup=False, highlight=False)


@app.command("file")
def file(
    path: Annotated[Path, typer.Argument(help="A .csv, .jsonl or .parquet file of prompts.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A file of any of these kinds.")],
    column: Annotated[str, typer.Option(help="The column (or key) with the prompts.")] = "prompt",
    head: HeadOption = DEFAULT_PAIR,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out.")] = False,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Score the prompts of a file: its rows with score, device_wrong, tokens and truncated."""
    refuse_overwrite(out, overwrite)
    rows = _good(path, read_prompts(path, column), skip_bad)
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


@app.command("recorded")
def recorded(
    recipe: RecipeArgument,
    by: Annotated[
        By | None,
        typer.Option(help=f"{HELD_OUT} Default: groups where the table has them."),
    ] = None,
    quiet: options.QuietOption = False,
) -> None:
    """Score the questions of a recorded table, out of fold, and keep the scores.

    Recorded traces read them. Where they are there already, nothing is done.
    """
    chosen = load_recipe(recipe)
    held_out = by or chosen.held_out
    if held_out == "group" and chosen.group is None:
        raise InputError("--by", by, "question; the table has no groups")
    questions = read_questions(data_file(chosen.file), chosen)
    if stored_scores(questions, held_out) is not None:
        console.print(f"the scores of {chosen.file} are there already")
        return
    from edgeroute_env.semantic.training.out_of_fold import FOLDS, out_of_fold
    from edgeroute_env.semantic.training.train_head import read_by

    with progress(quiet) as bar:
        encoding = bar.add_task("encoding", total=len(questions))
        inputs = read_by(Encoder(), questions, lambda done: bar.advance(encoding, done))
        folds = bar.add_task("scoring out of fold", total=FOLDS)
        scores, _ = out_of_fold(questions, inputs, held_out, tell=lambda: bar.advance(folds))
    path = store_scores(questions, held_out, scores)
    console.print(f"{len(questions)} questions of {chosen.file} scored: {path}", soft_wrap=True)


@app.command("train")
def train(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help=f"The head: a {SUFFIX} file.")],
    table: Annotated[
        Path | None, typer.Option(help="The outcomes; default: the recipe's, in the data folder.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="A BERT-family encoder: a folder, a hub name or the default.")
    ] = DEFAULT_ENCODER,
    by: Annotated[By, typer.Option(help=HELD_OUT)] = "question",
    seed: Annotated[int, typer.Option(min=0, help="Seed of folds, weights and order.")] = 0,
    epochs: Annotated[
        int, typer.Option(min=1, max=1000, help="Epochs a member, at most.")
    ] = DEFAULT_SETTINGS.epochs,
    tensorboard: Annotated[
        Path | None, typer.Option(help="A folder for TensorBoard's curves.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted training of the same head.")
    ] = False,
    overwrite: options.OverwriteOption = False,
    quiet: options.QuietOption = False,
) -> None:
    """Train and calibrate a head on recorded outcomes; the encoder stays as it is."""
    from edgeroute_env.semantic.training.train_head import train_scorer
    from edgeroute_env.semantic.training.training_log import CHECKPOINT_SUFFIX, TrainingLog

    refuse_overwrite(out, overwrite)
    if not out.name.endswith(SUFFIX):
        raise InputError("--out", str(out), f"a name ending in {SUFFIX}")
    chosen = load_recipe(recipe)
    questions = read_questions(table or data_file(chosen.file), chosen)
    settings = replace(DEFAULT_SETTINGS, seed=seed, epochs=epochs)
    with progress(quiet) as bar:
        encoding = bar.add_task("encoding", total=len(questions))
        training = bar.add_task("training", total=settings.members * epochs)
        checkpoint = out.with_suffix(CHECKPOINT_SUFFIX)
        log = TrainingLog(checkpoint, resume, tensorboard, lambda: bar.advance(training))
        head = train_scorer(
            chosen,
            questions,
            Encoder(encoder),
            by,
            settings,
            log,
            lambda done: bar.advance(encoding, done),
        )
    head.save(out, overwrite)
    log.close()
    console.print(f"{', '.join(head.pairs)}: {out}", soft_wrap=True)


def _place(pair: str, score: float) -> str:
    """Say where a score lies among a benchmark's questions; empty for a pair without benchmark."""
    if pair not in config_names("benchmarks"):
        return ""
    spread = read_yaml(config_path("benchmarks", f"{pair}.yaml"))["score"]["logits"]
    scores = sigmoid(np.array(spread))
    below = np.interp(score, scores, SCORE_LEVELS)
    low, middle, high = np.interp([0.05, 0.5, 0.95], SCORE_LEVELS, scores)
    return (
        f"Of the benchmark's questions, about {below:.0%} score lower. Nine in ten score between "
        f"{low:.3f} and {high:.3f}, the median is {middle:.3f}."
    )


def _scorer(head: str) -> tuple[Scorer, str]:
    """Return the scorer of a shipped pair, or of a file and the file's first pair."""
    loaded = load_head(head)
    return Scorer(loaded), head if head in loaded.pairs else loaded.pairs[0]


def _good(path: Path, rows: list[PromptRow], skip_bad: bool) -> list[PromptRow]:
    """Return the rows without fault; tell the others, and stop unless they may be skipped."""
    bad = [row for row in rows if row.fault]
    for row in bad:
        notes.print(f"{path}, line {row.line}: {row.fault}")
    if bad and not skip_bad:
        raise InputError(str(path), f"{len(bad)} bad rows", "none, or --skip-bad")
    good = [row for row in rows if not row.fault]
    if not good:
        raise InputError(str(path), "no good row", "at least one prompt")
    return good

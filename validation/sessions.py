"""Gaps within conversations and input lengths beside recorded services."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeroute_env.errors import InputError
from edgeroute_env.plotting import COLOURS, LINES
from edgeroute_env.recordings.downloads import data_file
from edgeroute_env.recordings.files import read_arrivals
from edgeroute_env.scenario_files import load_scenario, scenario_names
from edgeroute_env.tables_io import read_frame
from validation.generated import traces
from validation.section import Comparison, Section, percent, picture, table
from validation.statistics import greatest_distance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
MOONCAKE, AZURE = "mooncake_conversation.csv.gz", "azure2023_conv.csv.gz"
LEVELS = (0.05, 0.25, 0.50, 0.75, 0.95)
SCENARIO = "mtbench101"  # the preset whose follow-up gaps are Mooncake's
LENGTH_SEEDS = range(20)
GAPS, CONTEXT = "Gaps within sessions, quantiles", "Input of other tenants, median"


def recorded_gaps_s() -> Floats:
    """Return Mooncake's gaps (s) within sessions; InputError where the file is absent."""
    return read_arrivals(data_file(MOONCAKE), {"time_s": "t_s"}).follow_up_gaps_s


def law_quantiles_s(scenario: str, levels: NDArray[np.float64]) -> Floats:
    """Return the quantiles (s) of a scenario's log-normal law of follow-up gaps."""
    work = load_scenario(scenario).workload
    z = np.array([NormalDist().inv_cdf(level) for level in levels])
    return work.follow_up_median_s * np.exp(work.follow_up_sigma * z)


def input_tokens(scenario: str) -> Floats:
    """Return the input of every generated turn: the dialogue so far and the new prompt, tokens.

    The dialogue so far holds the edge's answers.
    """
    found = []
    for rows in traces(load_scenario(scenario), LENGTH_SEEDS):
        so_far = np.zeros(rows["device"].max() + 1)
        columns = (rows[name] for name in ("device", "turn", "prompt_tokens", "answer_tokens_edge"))
        for device, turn, prompt, answer in zip(*columns, strict=True):
            context = 0.0 if turn == 1 else so_far[device]
            found.append(context + prompt)
            so_far[device] = context + prompt + answer
    return np.array(found)


def section() -> Section:
    """Return the page's section on sessions and lengths."""
    gaps_text, gaps, plots = _gaps()
    lengths_text, context = _lengths()
    text = f"{gaps_text}\n\n### Input lengths\n\n{lengths_text}"
    return Section("Sessions against recorded services", text, [gaps, context], plots)


def _gaps() -> tuple[str, Comparison, dict[str, Figure]]:
    real = _or_none(recorded_gaps_s)
    if real is None:
        why = f"the data folder lacks {MOONCAKE}"
        return f"Not compared: {why}.", Comparison(GAPS, [], "%", why), {}
    levels = np.array(LEVELS)
    found, law = np.quantile(real, levels), law_quantiles_s(SCENARIO, levels)
    errors = law / found - 1.0
    dense = law_quantiles_s(SCENARIO, (np.arange(2000) + 0.5) / 2000)
    worst = int(np.abs(errors).argmax())
    heads = ["gap within a session, s", *(f"p{100 * level:.0f}" for level in LEVELS)]
    rows = [
        ("recorded", *(f"{value:.0f}" for value in found)),
        (f"law of `{SCENARIO}`", *(f"{value:.0f}" for value in law)),
        ("error", *map(percent, errors)),
    ]
    text = f"""\
Recorded: {real.size:,} gaps of Mooncake's conversation trace, whose times stand on a grid of 3 s
and whose sessions are inferred from shared prefixes. Generated: the log-normal law from which
`{SCENARIO}` draws.

{table(heads, rows)}

{picture("gaps", "Gaps within sessions: recorded and the law's distribution")}

What is off: the largest distance between both distribution functions is
{greatest_distance(real, dense):.3f}; most at p{100 * LEVELS[worst]:.0f}
({percent(errors[worst])}). The law was fitted to this recording, so this shows that its shape
fits, not that it predicts. An hour of recording cuts longer gaps off, the law does not."""
    return text, Comparison(GAPS, errors, "%"), {"gaps": _plot(real, dense)}


def _lengths() -> tuple[str, Comparison]:
    heads = ["input of a request, tokens", *(f"p{100 * level:.0f}" for level in LEVELS)]
    rows, missing, azure = [], [], None
    for label, name in (("Azure conversation", AZURE), ("Mooncake conversation", MOONCAKE)):
        recorded = _or_none(lambda file=name: _input_column(file))  # type: ignore[misc]
        if recorded is None:
            missing.append(name)
            continue
        azure = recorded if name == AZURE else azure
        rows.append((f"recorded, {label}", *_quantiles(recorded)))
    generated = {name: input_tokens(name) for name in scenario_names()}
    rows += [(f"`{name}`", *_quantiles(tokens)) for name, tokens in generated.items()]
    tenants = load_scenario("paper").edge.background.context_tokens
    lacks = f"the data folder lacks {', '.join(missing)}"
    text = f"""\
Generated: the dialogue so far and the new prompt, of every preset's synthetic traces.
{f"Not compared with every recording: {lacks}." if missing else ""}

{table(heads, rows)}

What is off: {_short(generated, azure)} Other tenants of the edge hold {tenants:,.0f} tokens of
context each."""
    if azure is None:
        return text, Comparison(CONTEXT, [], "%", f"the data folder lacks {AZURE}")
    return text, Comparison(CONTEXT, [tenants / float(np.median(azure)) - 1.0], "%")


def _short(generated: dict[str, Floats], azure: Floats | None) -> str:
    """Say which presets send much less than a service gets."""
    if azure is None:
        return "unknown without the recording."
    middle = float(np.median(azure))
    short = [f"`{name}`" for name, tokens in generated.items() if np.median(tokens) < middle / 4]
    if not short:
        return "no preset's median is below a quarter of Azure's."
    return (
        f"{', '.join(short)} ask the questions of benchmarks, whose median is below a quarter of "
        "what Azure's service gets."
    )


def _input_column(name: str) -> Floats:
    return read_frame(data_file(name))["in_tok"].to_numpy(np.float64)


def _quantiles(values: Floats) -> list[str]:
    return [f"{value:,.0f}" for value in np.quantile(values, LEVELS)]


def _or_none(read: Callable[[], Any]) -> Any:
    """Return what `read` finds, None where its file is absent."""
    try:
        return read()
    except InputError:
        return None


def _plot(real: Floats, law: Floats) -> Figure:
    from validation.plots import panels

    figure, (axis,) = panels()
    levels = np.linspace(0.005, 0.995, 199)
    for i, (label, sample) in enumerate((("recorded, Mooncake", real), ("log-normal law", law))):
        axis.plot(np.quantile(sample, levels), levels, color=COLOURS[i], linestyle=LINES[i],
                  label=label)  # fmt: skip
    axis.set(xscale="log", xlabel="gap within a session, s", ylabel="share of gaps below")
    axis.legend(frameon=False, fontsize=8)
    return figure

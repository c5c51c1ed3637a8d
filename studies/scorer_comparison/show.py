"""A comparison of scorers as a table for the terminal and a reliability diagram."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from edgeroute_env.files import replacing
from edgeroute_env.plotting import blank_figure
from studies.scorer_comparison.compare_scorers import Figures


def table_of(rows: Sequence[Figures]) -> Table:
    """Return a table: AUC with intervals over seeds, gains with intervals over questions."""
    others = list(rows[0]["gain"])
    table = Table("pair", "output", "AUC", *others, "ECE", "Brier", "APGR")
    for row in rows:
        found = row["auc"]["scorer"]
        cells = [row["pair"], row["output"], f"{found['mean']:.3f} ± {found['over_seeds']:.3f}"]
        for name in others:
            gain = row["gain"][name]
            auc = f"{row['auc'][name]['mean']:.3f}"
            cells.append(f"{auc} ({gain['mean']:+.3f} ± {gain['over_questions']:.3f})")
        figures = (row["ece"], row["brier"], row["apgr"])
        table.add_row(*cells, *(f"{value:.3f}" for value in figures))
    return table


def diagram(rows: Sequence[Figures], path: Path) -> None:
    """Draw predicted probability against the share of label 1, one line a pair and output."""
    figure = blank_figure(5.5, 5.0)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for row in rows:
        bins = row["reliability"]
        label = f"{row['pair']}, {row['output']} (ECE {row['ece']:.3f})"
        axes.plot(bins["probability"], bins["share"], "o-", markersize=3, linewidth=1, label=label)
    axes.set(xlabel="predicted probability", ylabel="share of the questions", title="Reliability")
    axes.legend(fontsize=6, frameon=False)
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=150)

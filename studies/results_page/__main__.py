"""Write docs/results.md, and the README's first table: one command from the seeds to the pages.

    python -m studies.results_page [--episodes 1000] [--planned 100] [--jobs N] [PRESET ...]

It runs `edgeroute benchmark` on every preset with the stored fits and the packaged policies, and
takes what `what_can_be_known` and `plain_ppo` have kept, or runs them. Of `ablation`, which takes
longest, it takes what has been run before. What is there already for today's scenarios, fits and
policies is read again, so an interrupted command goes on where it was. In both files the words
outside of the two markers stay.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edgeroute_env.files import replacing
from edgeroute_env.scenario_files import scenario_names
from edgeroute_env.working import add_options, program
from studies.results_page.measured import Asked, found
from studies.results_page.pages import readme, results

ROOT = Path(__file__).parents[2]
FIRST, LAST = "<!-- Written by python -m studies.results_page -->\n", "<!-- End -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=1_000, help="of 128 turns")
    parser.add_argument("--planned", type=int, default=100, help="of them by planners, the bound")
    add_options(parser)
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="these alone; default: all")
    given = parser.parse_args()
    presets = tuple(given.presets or scenario_names())
    with program(given, "benchmarks") as (by, _):
        everything = found(Asked(given.episodes, given.planned, presets, by))
        write(ROOT / "docs" / "results.md", results(everything))
        write(ROOT / "README.md", readme(everything))


def write(page: Path, text: str) -> None:
    """Replace what lies between a page's markers."""
    before, first, rest = page.read_text(encoding="utf-8").partition(FIRST)
    _, last, after = rest.partition(LAST)
    if not (first and last):
        raise SystemExit(f"{page} lacks the markers {FIRST.strip()} and {LAST.strip()}")
    with replacing(page) as part:
        part.write_text(f"{before}{first}\n{text}\n{last}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

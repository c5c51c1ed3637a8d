"""Write docs/validation.md: `python -m validation --out docs --overwrite`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edgeroute_env.errors import InputError
from validation.page import write_page

parser = argparse.ArgumentParser(prog="python -m validation", description=__doc__)
parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the page")
parser.add_argument("--overwrite", action="store_true", help="replace what is there")
asked = parser.parse_args()
try:
    page, *plots = write_page(asked.out, asked.overwrite)
except InputError as error:
    sys.exit(f"validation: {error}")
print(f"written: {page} and {len(plots)} plots beside it")

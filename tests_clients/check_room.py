"""Say at once whether an environment of clients can be installed here, before anything is fetched.

python tests_clients/check_room.py REQUIREMENTS
"""

import shutil
import subprocess
import sys
from pathlib import Path

NEEDED_GIB = 8  # torch with its libraries, the clients, and what is unpacked on the way


def main(requirements: str) -> int:
    """Return 0 where there is room and pip finds every package, else 2."""
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    if free_gib < NEEDED_GIB:
        print(f"test-clients needs {NEEDED_GIB} GiB of disk; {free_gib:.1f} are free here")
        return 2
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command = [*pip, "--no-deps", "--requirement", requirements]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode:
        missing = [line for line in asked.stderr.splitlines() if line.startswith("ERROR")]
        print(f"test-clients: pip does not find all of {requirements}", *missing, sep="\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""`python -m edgeroute_env` is `edgeroute`."""

from edgeroute_env.cli import main

main()

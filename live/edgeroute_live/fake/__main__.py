"""`python -m edgeroute_live.fake`: one fake server until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
from contextlib import suppress

from edgeroute_live.fake import __doc__ as about
from edgeroute_live.fake.behaviour import FAILURES, Behaviour
from edgeroute_live.fake.server import FakeServer


async def _serve(server: FakeServer, port: int) -> None:
    await server.start(port)
    print(f"{server.behaviour.model}: {server.url}", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="edgeroute_live.fake", description=about)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--failure", choices=FAILURES)
    for field in dataclasses.fields(Behaviour):
        option = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            parser.add_argument(
                option, action=argparse.BooleanOptionalAction, default=field.default
            )
        else:
            parser.add_argument(option, type=type(field.default), default=field.default)
    options = vars(parser.parse_args())
    port, failure = options.pop("port"), options.pop("failure")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(FakeServer(Behaviour(**options), failure), port))


if __name__ == "__main__":
    main()

"""`edgeroute play`: route an episode by hand, then see what others earn on the same trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from edgeroute_env.cli import options
from edgeroute_env.cli.episode import chosen_router
from edgeroute_env.cli.options import console, resolved
from edgeroute_env.cli.runs import followed
from edgeroute_env.errors import InputError, needs
from edgeroute_env.evaluation.episodes import generators, run_episodes
from edgeroute_env.rendering.history import FAILED, Turn
from edgeroute_env.rendering.run import KEYS, Player, Run
from edgeroute_env.rendering.words import ROUTE_NAMES, seconds
from edgeroute_env.routing import ROUTES, Router
from edgeroute_env.scenario import Scenario
from edgeroute_env.simulator.batch import Batch
from edgeroute_env.traces.sources import Pinned

COSTLIEST = 3  # turns that are told
LEAST_GAIN = 1e-9  # in return: less is the rounding of sums
FRAMES_PER_S = 30.0  # how often a window looks for keys
ZOOM = 1.5  # of a window


def play(
    scenario: options.ScenarioOption = "paper",
    seed: options.SeedOption = 0,
    traces: options.TracesOption = "auto",
    trace: options.TraceOption = None,
    overrides: options.SetOption = None,
    window: Annotated[bool, typer.Option("--window", help="Play in a window.")] = False,
    quiet: options.QuietOption = False,
) -> None:
    """Decide each turn yourself: left is the phone, right the edge, q leaves.

    Afterwards you see your return beside the tuned rule's, the packaged policy's and the bound's on
    the same trace, and which turns cost you most. A shorter game: --set workload.turns=20
    """
    from edgeroute_agents import packaged
    from edgeroute_baselines.registry import ANALYTIC

    _need_surroundings(window)
    chosen, kind, why = resolved(scenario, overrides, traces)
    source, title, shown = followed(chosen, seed, kind, why, trace)
    rule, _ = chosen_router(ANALYTIC, chosen, kind, {}, None, scenario, overrides, quiet)
    policies = [policy for policy in packaged(chosen) if policy.name == "ppo"]
    pinned = Pinned(source, generators([seed]))
    player = Player()
    run = Run(player, chosen, pinned, seed)
    if window:
        _play_in_window(run, player, title)
    else:
        from edgeroute_env.rendering.terminal import play as play_in_terminal

        play_in_terminal(run, player)
    shot = run.shot()
    if not run.over:
        left = f"left after {len(shot.turns)} of {shot.length} turns, return {shot.total:+.3f}"
        raise InputError("the game", left, "one played to its end, to be compared")
    console.print(shown, soft_wrap=True)
    _tell(judged(player.actions, [rule, *policies], chosen, pinned), player.actions, shot.turns)


@dataclass(frozen=True)
class Verdict:
    """What a played episode was worth.

    Attributes:
        returns: by name, of the player, the other routers and the bound, on the same trace.
        gains: what each turn would have added to the return, had that turn alone gone the other
            way and all others as they were played, shape (turns,).
    """

    returns: dict[str, float]
    gains: NDArray[np.float64]


def judged(
    played: Sequence[int], routers: Sequence[Router], scenario: Scenario, trace: Pinned
) -> Verdict:
    """Return what the actions of a whole episode were worth on its trace, the only one pinned.

    The bound is not below the others, as its search starts from what they did.
    """
    from edgeroute_baselines.clairvoyant import ClairvoyantRouter, flip_gains, replayed

    batch = Batch(scenario, trace, 1)
    batch.begin(np.zeros(1, np.int64), generators([0]))  # which draw nothing: the trace is there
    actions = np.array(played, np.int64)[:, None]
    own = replayed(batch, actions)
    runs = [run_episodes(router, scenario, trace, [0]) for router in routers]
    bound = ClairvoyantRouter(incumbents=[actions, *(run.actions for run in runs)])
    best = run_episodes(bound, scenario, trace, [0])
    returns = {run.router: float(run.returns()[0]) for run in (*runs, best)}
    return Verdict({Player.name: float(own[0]), **returns}, flip_gains(batch, actions, own)[:, 0])


def _need_surroundings(window: bool) -> None:
    """Raise InputError where there is nothing to play on, before anything is fitted or drawn."""
    if window:
        with needs("--window", "render"):
            from edgeroute_env.rendering.window import need_display
        need_display()
    else:
        with needs("a game in the terminal", "play"):
            from edgeroute_env.rendering.terminal import need_terminal
        need_terminal()


def _play_in_window(run: Run, player: Player, title: str) -> None:
    """Let a person play in a window until the episode ends or the window is closed."""
    from edgeroute_env.rendering.frame import draw
    from edgeroute_env.rendering.window import Window

    window = Window(f"{title}: left = phone, right = edge, q = leave")
    try:
        while not run.over and not window.closed:
            frame = draw(run.shot(), ZOOM)
            while window.show(frame, FRAMES_PER_S) and not KEYS.keys() & window.keys:
                pass
            for key in window.keys:
                if key in KEYS and not run.over and not window.closed:
                    player.decide(KEYS[key])
                    run.step()
    finally:
        window.close()


def _tell(verdict: Verdict, actions: Sequence[int], turns: Sequence[Turn]) -> None:
    """Print the returns, then the turns that the other route would have been better for."""
    for name, earned in verdict.returns.items():
        console.print(f"{name:<16} return {earned:+9.3f}")
    order = np.argsort(-verdict.gains, kind="stable")[:COSTLIEST]
    costly = [int(t) for t in order if verdict.gains[t] > LEAST_GAIN]
    if not costly:
        console.print("no turn, decided the other way alone, would have earned more")
        return
    console.print("what cost you most; the other route in that turn alone:")
    for t in costly:
        chosen, turn = ROUTE_NAMES[ROUTES[actions[t]]], turns[t]
        other = ROUTE_NAMES[ROUTES[1 - actions[t]]]
        failed = ", failed" if turn.route == FAILED else ""
        console.print(
            f"turn {t + 1:>4}  {chosen:<5} {seconds(turn.latency_s):>8}, "
            f"quality {turn.quality:.2f}{failed}; {other}: return {verdict.gains[t]:+.3f}"
        )

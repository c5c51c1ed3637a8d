"""A router's part in a comparison is declared above evaluation/, which knows none by name."""

from __future__ import annotations

import ast
from pathlib import Path

import edgeroute_env
from edgeroute_agents import learned_names
from edgeroute_baselines import ROUTERS, make_router, router_names
from edgeroute_env.routing import Bound, Insider, Learner, Role
from tests.helpers.settings import ordinary
from tests.helpers.wheels import ROOT

EVALUATION = Path(edgeroute_env.__file__).parent / "evaluation"


def texts(path: Path) -> list[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_evaluation_knows_no_router_by_name() -> None:
    names = [*router_names(), *learned_names()]
    unmistakable = [name for name in names if "-" in name]
    named = [
        f"{path.name}: {name}"
        for path in sorted(EVALUATION.rglob("*.py"))
        for text in texts(path)
        for name in names
        if text == name or (name in unmistakable and name in text)
    ]
    assert named == []


def test_the_page_on_routers_describes_every_role() -> None:
    page = (ROOT / "docs" / "routers.md").read_text("utf-8")
    table = page.partition("| role | what it is |\n")[2].partition("\n\n")[0]
    assert [row.split(" | ")[0].lstrip("| ") for row in table.splitlines()[1:]] == list(Role)


def test_roles_agree_with_what_routers_are() -> None:
    for name, spec in ROUTERS.items():
        router = make_router(name, ordinary(name))
        assert isinstance(router, Bound) == (spec.role is Role.BOUND), name
        assert isinstance(router, Learner) == (spec.role is Role.ONLINE), name
        insiders = (Role.PLANNER, Role.ORACLE, Role.BOUND)
        assert isinstance(router, Insider) == (spec.role in insiders), name
        assert spec.role is not Role.LEARNED
        if not spec.role.causal or spec.role is Role.CONSTANT:
            assert not spec.fitted, name

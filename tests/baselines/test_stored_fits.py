"""Fits are stored with what they hold for, and are void for all else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from edgeroute_baselines import fitted, make_router, registry, router_names
from edgeroute_baselines.fitted import (
    FITTED_ROUTERS,
    fingerprint,
    fit_all,
    fit_missing,
    own_file,
    parameters,
    store,
    stored_fits,
    stored_parameters,
    to_extend,
    unfitted,
)
from edgeroute_env import InputError, __version__
from edgeroute_env.config_files import read_yaml
from edgeroute_env.files import without_sha256
from tests.helpers.small_fits import small

pytestmark = pytest.mark.thorough


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep stored fits out of the user's own data folder."""
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path))
    return tmp_path / "fits"


@pytest.fixture(scope="module")
def entry(short_searches: None) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitted, "FIT_EPISODES", 2)
        return fit_all(small(), "synthetic", 0.5)


def test_a_fit_carries_its_provenance_and_every_router(entry: dict[str, Any]) -> None:
    assert entry["fingerprint"] == fingerprint(small(), "synthetic")
    assert entry["seeds"] == "0 to 1"
    assert entry["version"] == __version__
    assert entry["tolerance_points"] == 0.5
    assert set(entry["routers"]) == {name for name in router_names() if registry.spec(name).fitted}
    for name, points in entry["routers"].items():
        make_router(name, points["best_return"]["parameters"])
        assert set(points) == {"best_return", "within_tolerance"}
    assert (
        parameters(entry, "bao-multi") == entry["routers"]["bao-multi"]["best_return"]["parameters"]
    )
    assert parameters(entry, "edge") == {}


def test_a_stored_fit_reads_back_as_it_was(folder: Path, entry: dict[str, Any]) -> None:
    assert stored_fits(small(), "synthetic") is None
    path = own_file(small(), "synthetic")
    store(path, "synthetic", entry)
    assert list(folder.iterdir()) == [path]
    assert path.name.startswith("small-")
    assert stored_fits(small(), "synthetic") == entry
    assert stored_fits(small(), "synthetic", 0.5) == entry
    other = {**entry, "seeds": "made up"}
    store(path, "recorded", other)
    assert without_sha256(read_yaml(path)) == {"synthetic": entry, "recorded": other}


@pytest.mark.parametrize(
    "change",
    [
        {"weights.edge_call": 0.081},
        {"workload.turns": 17},
        {"workload.mix.0.share": 0.41},
        {"device.switch_s": 0.16},
        {"edge.model": "llama-3.1-70b"},
        {"radio.outage_mean_s": 4.1},
        {"radio.snr_runs": {"file": "snr.csv"}},
        {"budgets.edge_calls": 5},
        {"objective.quality": "expected"},
    ],
    ids=str,
)
def test_a_stored_fit_is_void_for_another_scenario(
    change: dict[str, Any], folder: Path, entry: dict[str, Any]
) -> None:
    store(own_file(small(), "synthetic"), "synthetic", entry)
    assert stored_fits(small(**change), "synthetic") is None
    assert stored_fits(small(description="told otherwise"), "synthetic") == entry


def test_a_stored_fit_is_void_for_another_tolerance_or_kind(
    folder: Path, entry: dict[str, Any]
) -> None:
    store(own_file(small(), "synthetic"), "synthetic", entry)
    assert stored_fits(small(), "synthetic", 0.6) is None
    assert stored_fits(small(), "synthetic", 0.0) is None
    assert stored_fits(small(), "recorded") is None


def test_a_stored_fit_holds_for_the_routers_in_it_and_names_the_others(
    folder: Path, entry: dict[str, Any]
) -> None:
    incomplete = {**entry, "routers": dict(list(entry["routers"].items())[1:])}
    store(own_file(small(), "synthetic"), "synthetic", incomplete)
    assert stored_fits(small(), "synthetic") == incomplete
    first = next(iter(entry["routers"]))
    assert unfitted(incomplete) == [first]
    assert unfitted(entry) == []
    assert unfitted(None) == list(FITTED_ROUTERS)
    assert stored_parameters(small(), "synthetic", first) is None
    assert stored_parameters(small(), "synthetic", "edge") == {}
    rest = incomplete["routers"]["linear"]["best_return"]["parameters"]
    assert stored_parameters(small(), "synthetic", "linear") == rest


def test_fitting_one_router_leaves_the_fits_of_others_alone(
    entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch, short_searches: None
) -> None:
    monkeypatch.setattr(fitted, "FIT_EPISODES", 2)
    marked = copy.deepcopy(entry)
    for name, points in marked["routers"].items():
        points["within_tolerance"]["latency_s"] = float(len(name))
    for one in ("bao-multi", "pacing", "cr2-gate"):
        found = fit_all(small(), "synthetic", 0.5, names=[one], known=marked)
        assert list(found["routers"]) == list(marked["routers"])
        changed = {
            name for name, points in found["routers"].items() if points != marked["routers"][name]
        }
        assert changed == {one}
        assert found["routers"][one]["best_return"] == entry["routers"][one]["best_return"]
    alone = fit_all(small(), "synthetic", 0.5, names=["pacing"])
    assert list(alone["routers"]) == ["pacing"]
    assert alone["routers"]["pacing"] == entry["routers"]["pacing"]


def test_a_fit_joins_only_an_entry_of_its_own_provenance(
    folder: Path, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitted, "FIT_EPISODES", 2)
    store(own_file(small(), "synthetic"), "synthetic", entry)
    assert to_extend(own_file(small(), "synthetic"), small(), "synthetic", 0.5) == entry
    assert to_extend(own_file(small(), "synthetic"), small(), "synthetic", 0.6) is None
    for change in ({"version": "0.0"}, {"seeds": "0 to 7"}, {"fingerprint": {}}):
        store(own_file(small(), "synthetic"), "synthetic", {**entry, **change})
        assert to_extend(own_file(small(), "synthetic"), small(), "synthetic", 0.5) is None


@pytest.mark.parametrize("change", [{"version": "0.0"}, {"seeds": "0 to 7"}], ids=str)
def test_what_is_missing_is_not_added_to_fits_of_another_provenance(
    change: dict[str, str], folder: Path, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitted, "FIT_EPISODES", 2)
    two = {name: entry["routers"][name] for name in ("bao-multi", "cr2-gate")}
    path = own_file(small(), "synthetic")
    store(path, "synthetic", {**entry, "routers": two, "tolerance_points": 3.0, **change})
    # What is there is used as it is.
    found, new = fit_missing(small(), "synthetic", ["cr2-gate"])
    assert (found, new) == ({**entry, "routers": two, "tolerance_points": 3.0, **change}, [])
    found, new = fit_missing(small(), "synthetic", ["cr2-gate", "score-threshold"])
    assert found is not None
    assert sorted(new) == sorted(found["routers"]) == ["cr2-gate", "score-threshold"]
    assert (found["version"], found["seeds"], found["tolerance_points"]) == (
        __version__,
        "0 to 1",
        0.5,
    )
    assert found["routers"] == {name: entry["routers"][name] for name in found["routers"]}
    assert stored_fits(small(), "synthetic") == found


def test_what_is_missing_joins_fits_of_the_same_provenance(
    folder: Path, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitted, "FIT_EPISODES", 2)
    two = {name: entry["routers"][name] for name in ("bao-multi", "cr2-gate")}
    store(own_file(small(), "synthetic"), "synthetic", {**entry, "routers": two})
    found, new = fit_missing(small(), "synthetic", ["cr2-gate", "score-threshold"])
    assert found is not None
    assert new == ["score-threshold"]
    assert found["routers"] == {name: entry["routers"][name] for name in (*two, *new)}


@pytest.mark.parametrize("name", ["device", "static-split", "myopic-oracle", "nobody"])
def test_a_router_without_parameters_of_its_own_is_not_fitted(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.*bao-multi-queue"):
        fit_all(small(), "synthetic", 0.5, names=[name])


def test_a_stored_fit_is_void_once_its_data_change(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> None:
    monkeypatch.setenv("EDGEROUTE_DATA", str(tmp_path))
    table = tmp_path / "gaps.csv"
    table.write_text("time_s\n" + "".join(f"{t}\n" for t in range(12)))
    of = small(**{"workload.arrivals": {"file": "gaps.csv"}})
    found = {**entry, "fingerprint": fingerprint(of, "recorded")}
    assert set(found["fingerprint"]) == {"scenario", "gaps.csv"}
    store(own_file(of, "recorded"), "recorded", found)
    assert stored_fits(of, "recorded") == found
    table.write_text(table.read_text() + "13\n")
    assert stored_fits(of, "recorded") is None

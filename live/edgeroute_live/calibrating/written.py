"""The scenario that two calibrated sides make, as a YAML file with every value's interval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edgeroute_env.errors import InputError
from edgeroute_env.physics import radio
from edgeroute_env.scenario import Scenario
from edgeroute_env.scenario_files import load_scenario
from edgeroute_live.calibrating.sides import DECODE, PREFILL, TEMPLATE, Link, SideFit
from edgeroute_live.calibrating.terms import Constant

BASE = "measured"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
KEPT = "[A] the base's: the measurements do not tell it"
Lines = list[str]


def base_scenario() -> Scenario:
    """Return what a measured scenario holds before anything is measured."""
    return load_scenario({"extends": BASE, "name": "base", "description": "Nothing measured."})


def base_constants(side: str) -> dict[str, float]:
    """Return the base's constants of a side in the names of the edge's law."""
    scenario = base_scenario()
    if side == "edge":
        assert scenario.edge.speed is not None
        speed = dict(scenario.edge.speed)
        return {name: speed[name] for name in (*PREFILL, *DECODE)}
    phone = scenario.device.speed
    values = (phone.prefill_fixed_s, 1.0 / phone.prefill_tokens_per_s, 0.0)
    decode = (1.0 / phone.decode_tokens_per_s, 0.0, 0.0)
    return dict(zip((*PREFILL, *DECODE), values + decode, strict=True))


def scenario_name(path: Path) -> str:
    """Return the name that a scenario's file gives it."""
    if path.suffix not in {".yaml", ".yml"} or not NAME.fullmatch(path.stem) or path.stem == BASE:
        allowed = "a .yaml file named by small letters, digits and hyphens, such as my-models.yaml"
        raise InputError("--out", str(path), allowed)
    return path.stem


def scenario_text(name: str, models: Mapping[str, str], fits: Mapping[str, SideFit]) -> str:
    """Return the YAML text of the scenario that the fits of both sides make."""
    device, edge = fits["device"], fits["edge"]
    description = f"{models['device']} on the device, {models['edge']} at the edge, as measured."
    head = {"extends": BASE, "name": name, "description": description}
    lines = [
        "# Written by edgeroute live calibrate: what was measured on two servers.",
        "# [M] measured, with its 95 % interval; [D] derived; [A] assumption.",
        *yaml.safe_dump(head, sort_keys=False, width=90).splitlines(),
        *_device(device),
        *_edge(edge),
        *(_radio(edge.link) if edge.link else []),
        *_template(edge.template),
    ]
    return "\n".join(lines) + "\n"


def _value(name: str, constant: Constant, unit: str = "") -> str:
    """Return one line: a value and where it comes from."""
    if not constant.told:
        return f"{name}: {constant.value:.5g}  # {KEPT}"
    ends = f"{constant.low:.3g} to {constant.high:.3g}{unit}"
    return f"{name}: {constant.value:.5g}  # [M] {ends}"


def _inverse(constant: Constant, factor: float = 1.0) -> Constant:
    """Return factor / constant with its interval; the end that is 0 is put far away."""
    low, high = (factor / max(end, 1e-15) for end in (constant.high, constant.low))
    return Constant(factor / constant.value, low, high, constant.told)


def _device(fit: SideFit) -> Lines:
    found = fit.constants
    rate = _inverse(found["prefill_s_per_token"])
    lines = [
        "device:",
        "  speed:",
        "    name: measured-device",
        "    " + _value("prefill_fixed_s", found["prefill_fixed_s"]),
        "    " + _value("prefill_tokens_per_s", rate),
    ]
    pair = found["prefill_s_per_pair"]
    if pair.value > 0.0:  # two tokens' attention, where the rate of a prompt is half
        lines.append("    " + _value("prefill_half_rate_tokens", _inverse(pair, 2.0 / rate.value)))
    lines.append("    " + _value("decode_tokens_per_s", _inverse(found["decode_fixed_s"])))
    if fit.context_tokens:
        lines.append(f"    context_tokens: {fit.context_tokens}  # [M] the server's own limit")
    context = found["decode_s_per_context_token"]
    if context.value > 0.0:
        bytes_per_token = base_scenario().device.model.shape().kv_bytes_per_token
        bandwidth = _inverse(context, bytes_per_token)
        lines.append("  " + _value("kv_bandwidth_bytes_per_s", bandwidth))
    return lines + _kept_answer(fit)


def _edge(fit: SideFit) -> Lines:
    speeds = ["    " + _value(name, fit.constants[name]) for name in (*PREFILL, *DECODE)]
    return ["edge:", "  speed:", *speeds, *_kept_answer(fit)]


def _kept_answer(fit: SideFit) -> Lines:
    if fit.kept_answer is None:
        return [f"  kept_answer: 1  # {KEPT}"]
    return [f"  kept_answer: {fit.kept_answer:.3g}  # [M] closest to what was reported"]


def _radio(link: Link) -> Lines:
    lines = [
        "radio:",
        f"  rtt_floor_s: {link.rtt_floor_s:.4g}  # [M] the least",
        f"  rtt_excess_mean_s: {link.rtt_s - link.rtt_floor_s:.4g}  # [M] to the median",
    ]
    if link.s_per_byte.told:
        bands = _inverse(link.s_per_byte, 8.0 / efficiency())
        told = _inverse(link.s_per_byte, 8e-6)
        words = f"[D] {told.value:.4g} Mbit/s, 95 %: {told.low:.3g} to {told.high:.3g}"
        lines.append(f"  uplink_hz: {bands.value:.5g}  # {words}")
    else:
        lines.append(f"  # uplink_hz: {KEPT}; uploads go too fast")
    return lines


def efficiency() -> float:
    """Return the spectral efficiency (bit/s/Hz) of the base's steady link."""
    link = base_scenario().radio
    assert link.snr_ceiling_db is not None
    return float(radio.EFFICIENCY[link.rate](link.snr_ceiling_db))


def _template(template: Mapping[str, Constant]) -> Lines:
    lines = ["workload:", "  template:  # of the edge's server, beside the simulator's estimate"]
    return lines + ["    " + _value(name, template[name], " tokens") for name in TEMPLATE]


def findings(side: str, fit: SideFit) -> list[tuple[str, str, str, str]]:
    """Return rows for a table: side, constant, value, 95 % interval."""
    rows: list[tuple[str, str, str, str]] = []
    named: dict[str, Constant] = {**fit.constants, **fit.template}
    if fit.link is not None:
        rows.append((side, "rtt_s", f"{fit.link.rtt_s:.4g}", "median"))
        named["upload_s_per_byte"] = fit.link.s_per_byte
    for name, constant in named.items():
        told = f"{constant.low:.3g} to {constant.high:.3g}" if constant.told else "not told"
        rows.append((side, name, f"{constant.value:.4g}", told))
    kept: Any = "not told" if fit.kept_answer is None else f"{fit.kept_answer:.3g}"
    rows.append((side, "kept_answer", kept, "closest"))
    return rows

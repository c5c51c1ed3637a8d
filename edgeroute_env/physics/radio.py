"""Path loss, line of sight, shadowing, SNR to rate, upload time.

Sources: 3GPP TR 38.901 V17 Table 7.4.1-1 (path loss), Table 7.4.2-1 (LOS probability),
Table 7.6.3.1-2 (LOS correlation), TS 38.214 Table 5.2.2.1-2 (CQI table 1). The log-distance law
and Shannon's rate serve system models that state nothing else, such as CR2's.
Distances in metres, carrier in GHz, powers in dBm, losses and SNR in dB.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from edgeroute_env._compile import compiled

SPEED_OF_LIGHT_M_PER_S = 3.0e8  # the value TR 38.901 uses for its breakpoint distance
THERMAL_NOISE_DBM_PER_HZ = -174.0
INDOOR, URBAN_MICRO, URBAN_MACRO, LOG_DISTANCE = 0, 1, 2, 3
ENVIRONMENTS = {
    "inh": INDOOR, "umi": URBAN_MICRO, "uma": URBAN_MACRO, "log-distance": LOG_DISTANCE
}  # fmt: skip

# Spectral efficiency (bit/s/Hz) of each CQI and the SNR at which it reaches 10 % block errors.
CQI_EFFICIENCY = np.array(
    [
        *(0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141),
        *(2.4063, 2.7305, 3.3223, 3.9023, 4.5234, 5.1152, 5.5547),
    ]
)
CQI_SNR_DB = np.array(
    [-6.7, -4.7, -2.3, 0.2, 2.4, 4.3, 5.9, 8.1, 10.3, 11.7, 14.1, 16.3, 18.7, 21.0, 22.7]
)
SNR_MIN_DB, SNR_MAX_DB = -20.0, 30.0


class Shadowing(NamedTuple):
    """Standard deviation (dB) and correlation distance (m) of the log-normal shadowing."""

    los_sigma_db: float
    nlos_sigma_db: float
    los_correlation_m: float
    nlos_correlation_m: float
    state_correlation_m: float


SHADOWING = (
    Shadowing(3.0, 8.03, 10.0, 6.0, 10.0),
    Shadowing(4.0, 7.82, 10.0, 13.0, 50.0),
    Shadowing(4.0, 6.0, 37.0, 50.0, 50.0),
    Shadowing(0.0, 0.0, 1.0, 1.0, 1.0),  # the log-distance law has no shadowing
)


@compiled
def los_probability(environment: int, distance_m: float) -> float:
    """Return P(line of sight) at a 2D distance (terminal at 1.5 m; InH: mixed office)."""
    if environment == INDOOR:
        if distance_m <= 1.2:
            return 1.0
        if distance_m < 6.5:
            return math.exp(-(distance_m - 1.2) / 4.7)
        return math.exp(-(distance_m - 6.5) / 32.6) * 0.32
    if distance_m <= 18.0:
        return 1.0
    decay_m = 36.0 if environment == URBAN_MICRO else 63.0
    near = 18.0 / distance_m
    return near + math.exp(-distance_m / decay_m) * (1.0 - near)


class _LosLaw(NamedTuple):
    """The constants of a line-of-sight loss, dB: at 1 m, per decade, and beyond the breakpoint."""

    intercept_db: float
    slope_db: float
    rise_db: float


_MICRO_LOS, _MACRO_LOS = _LosLaw(32.4, 21.0, 9.5), _LosLaw(28.0, 22.0, 9.0)


@compiled
def _los_loss_db(
    law: _LosLaw, distance_m: float, carrier_ghz: float, bs_height_m: float, ut_height_m: float
) -> float:
    """Path loss that steepens beyond the breakpoint, where the ground reflection cancels."""
    height_m = bs_height_m - ut_height_m
    log_d3 = math.log10(math.sqrt(distance_m**2 + height_m**2))
    log_f = math.log10(carrier_ghz)
    breakpoint_m = (
        4.0 * (bs_height_m - 1.0) * (ut_height_m - 1.0) * carrier_ghz * 1e9 / SPEED_OF_LIGHT_M_PER_S
    )
    if distance_m <= breakpoint_m:
        return law.intercept_db + law.slope_db * log_d3 + 20.0 * log_f
    spread = breakpoint_m**2 + height_m**2
    return law.intercept_db + 40.0 * log_d3 + 20.0 * log_f - law.rise_db * math.log10(spread)


@compiled
def path_loss_db(
    environment: int,
    los: bool,
    distance_m: float,
    carrier_ghz: float,
    bs_height_m: float,
    ut_height_m: float,
) -> float:
    """Return the mean path loss (dB) at a 2D distance, TR 38.901 Table 7.4.1-1.

    Valid for terminal heights above 1 m. In UMa they must not exceed 13 m, above which the table's
    breakpoint is random.
    """
    height_m = bs_height_m - ut_height_m
    log_d3 = math.log10(math.sqrt(distance_m**2 + height_m**2))
    log_f = math.log10(carrier_ghz)
    if environment == INDOOR:
        near = 32.4 + 17.3 * log_d3 + 20.0 * log_f
        far = 38.3 * log_d3 + 17.3 + 24.9 * log_f
    elif environment == URBAN_MICRO:
        near = _los_loss_db(_MICRO_LOS, distance_m, carrier_ghz, bs_height_m, ut_height_m)
        far = 35.3 * log_d3 + 22.4 + 21.3 * log_f - 0.3 * (ut_height_m - 1.5)
    else:
        near = _los_loss_db(_MACRO_LOS, distance_m, carrier_ghz, bs_height_m, ut_height_m)
        far = 13.54 + 39.08 * log_d3 + 20.0 * log_f - 0.6 * (ut_height_m - 1.5)
    return near if los else max(near, far)


@compiled
def log_distance_loss_db(loss_at_1m_db: float, exponent: float, distance_m: float) -> float:
    """Return the path loss (dB) of the plain law K0 d^-exponent, without shadowing."""
    return loss_at_1m_db + 10.0 * exponent * math.log10(distance_m)


@compiled
def noise_dbm(bandwidth_hz: float, noise_figure_db: float) -> float:
    """Return the receiver's thermal noise power (dBm)."""
    return THERMAL_NOISE_DBM_PER_HZ + 10.0 * math.log10(bandwidth_hz) + noise_figure_db


@compiled
def clip_snr_db(snr_db: float) -> float:
    """Return the SNR within what a modem reports, [-20, 30] dB."""
    return min(max(snr_db, SNR_MIN_DB), SNR_MAX_DB)


@compiled
def bounded_snr_db(snr_db: float, ceiling_db: float) -> float:
    """Return the SNR (dB) under noise that grows with the signal: neighbours, transmitter error."""
    return -10.0 * math.log10(10.0 ** (-snr_db / 10.0) + 10.0 ** (-ceiling_db / 10.0))


@compiled
def ergodic_efficiency(snr_db: float) -> float:
    """Return the spectral efficiency (bit/s/Hz) at a mean SNR, averaged over Rayleigh fading.

    The modem picks the CQI of each fading state, whose power is exponential with mean 1, so
    each CQI step contributes its efficiency times the probability of reaching its threshold.
    """
    efficiency = 0.0
    previous = 0.0
    for i in range(CQI_EFFICIENCY.size):
        reach = math.exp(-(10.0 ** ((CQI_SNR_DB[i] - snr_db) / 10.0)))
        efficiency += (CQI_EFFICIENCY[i] - previous) * reach
        previous = CQI_EFFICIENCY[i]
    return efficiency


@compiled
def shannon_efficiency(snr_db: float) -> float:
    """Return Shannon's bound on the spectral efficiency (bit/s/Hz) at an SNR."""
    return math.log2(1.0 + 10.0 ** (snr_db / 10.0))


EFFICIENCY = {"cqi": ergodic_efficiency, "shannon": shannon_efficiency}


def lowest_snr_db(rate: str) -> float:
    """Return the SNR (dB) below which the rate falls no more; Shannon's has no such end."""
    return float(CQI_SNR_DB[0]) if rate == "cqi" else -math.inf


@compiled
def seconds_per_byte(efficiency: float, bandwidth_hz: float, block_error_rate: float) -> float:
    """Return the air time of one byte; failed transport blocks are sent again."""
    return 8.0 / (efficiency * bandwidth_hz * (1.0 - block_error_rate))


@compiled
def harq_delay_s(block_error_rate: float, harq_round_trip_s: float) -> float:
    """Return the mean delay that retransmissions add to a message's last block."""
    return harq_round_trip_s * block_error_rate / (1.0 - block_error_rate)


@compiled
def upload_s(payload_bytes: float, air_s_per_byte: float, harq_s: float) -> float:
    """Return the time to move `payload_bytes` over the air."""
    return payload_bytes * air_s_per_byte + harq_s


@compiled
def bounded_exponential_mean(mean: float, bound: float) -> float:
    """Return E[min(X, bound)] of an exponential X, such as the wait in an outage."""
    return mean * (1.0 - math.exp(-bound / mean))

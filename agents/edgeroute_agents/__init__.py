"""Learned routing: SB3 training over the batched kernel, policies as routers, export.

Heavy packages (torch, stable-baselines3, onnx) are loaded by what needs them, not by this import.
"""

from __future__ import annotations

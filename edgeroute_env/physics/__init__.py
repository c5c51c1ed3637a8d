"""Formulas only: parameters in, numbers out, each with its source.

Every function is compiled and scalar, so the simulator and a notebook call the same code.
"""

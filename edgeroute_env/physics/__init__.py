"""Formulas, each with its source: they take parameters and return numbers.

Every function is compiled and scalar, so the simulator and a notebook call the same code.
"""

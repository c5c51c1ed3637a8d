"""Measures two servers and writes what was found as a scenario.

`measure` sends the requests, `terms` fits a law to them, `sides` knows which law, `written` writes
the scenario.
"""

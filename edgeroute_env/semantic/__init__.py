"""The semantic score: from a prompt's text, how likely the large model is needed.

A frozen BERT-family encoder and length features feed a small head, trained on recorded outcomes and
calibrated. `scorer` loads a head and scores texts, `recorded_scores` reads the stored scores of
recorded questions, and the package `training` makes both. Nothing outside it trains.
"""

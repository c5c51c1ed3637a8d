"""Making a scorer from recorded outcomes.

`train_head` makes a head, `out_of_fold` the scores of a whole table. An environment never imports
this package: it needs torch and scikit-learn.
"""

from edgeroute_env.errors import needs

with needs("training a scorer", "bert"):
    import sklearn  # noqa: F401
    import torch  # noqa: F401

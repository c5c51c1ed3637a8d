"""A fake OpenAI-compatible server of known speed, for tests and demonstrations without a model.

Its times follow the law that the simulator has for a phone and for an idle edge server, so what is
measured on it can be compared with what it was made of. It can also fail, in one way at a time.

    python -m edgeroute_live.fake --port 8101 --prefill-s-per-token 0.001
"""

from edgeroute_live.fake.behaviour import Behaviour
from edgeroute_live.fake.server import FakeServer, in_thread

__all__ = ["Behaviour", "FakeServer", "in_thread"]

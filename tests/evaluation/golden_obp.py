"""Prints the golden estimates of golden_test.cpp: what Open Bandit Pipeline says of the log that test makes, too.

    python3 -m venv venv
    venv/bin/pip install numpy scipy pandas scikit-learn tqdm pyyaml
    venv/bin/pip install --no-deps --ignore-requires-python obp==0.5.7   # it asks for Python < 3.10; no need to
    venv/bin/python golden_obp.py

Only obp's estimators are loaded: its package imports torch at once.
"""
import importlib.util
import itertools
import sys
import types
from pathlib import Path

import numpy as np

SITE = Path(next(p for p in sys.path if (Path(p) / "obp/ope/estimators.py").exists()))
for package in ("obp", "obp.ope", "obp.dataset"):
    module = types.ModuleType(package)
    module.__path__ = [str(SITE / package.replace(".", "/"))]
    sys.modules[package] = module
try:
    import torch  # noqa: F401
except ImportError:  # obp.utils wants its name, no more
    sys.modules["torch"] = types.ModuleType("torch")
    sys.modules["torch"].Tensor = sys.modules["torch"].tensor = type("Tensor", (), {})

from obp.ope import estimators, estimators_slate  # noqa: E402


class Generator:
    """Knuth's linear congruential generator of 64 bits: the same numbers in every language."""

    def __init__(self, seed):
        self.x = seed

    def uniform(self):
        self.x = (self.x * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.x >> 11) * 2.0**-53

    def draw(self, p):
        u = self.uniform()
        a = 0
        while a + 1 < len(p) and u >= p[a]:
            u -= p[a]
            a += 1
        return a


CLICK = np.array([[0.1, 0.3, 0.5, 0.2], [0.4, 0.4, 0.1, 0.6], [0.05, 0.2, 0.3, 0.9]])
LOGGING = np.array([[0.4, 0.3, 0.1, 0.2], [0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1]])
TARGET = np.array([[0.1, 0.2, 0.5, 0.2], [0.1, 0.2, 0.1, 0.6], [0.1, 0.2, 0.2, 0.5]])
GUESS = np.array([[0.2, 0.2, 0.6, 0.1], [0.3, 0.5, 0.2, 0.4], [0.1, 0.1, 0.2, 0.7]])


def single():
    random = Generator(1)
    context, action, reward = [], [], []
    for _ in range(500):
        x = int(random.uniform() * 3)
        a = random.draw(LOGGING[x])
        context.append(x), action.append(a)
        reward.append(1.0 if random.uniform() < CLICK[x][a] else 0.0)
    x, a = np.array(context), np.array(action)
    log = dict(reward=np.array(reward), action=a, pscore=LOGGING[x, a], action_dist=TARGET[x][:, :, None],
               estimated_rewards_by_reg_model=GUESS[x][:, :, None], position=np.zeros(500, dtype=int))
    e = estimators
    for name, estimator in [
        ("inverse_propensity", e.InverseProbabilityWeighting()),
        ("clipped_inverse_propensity 1.5", e.InverseProbabilityWeighting(lambda_=1.5)),
        ("self_normalized", e.SelfNormalizedInverseProbabilityWeighting()),
        ("doubly_robust", e.DoublyRobust()),
        ("self_normalized_doubly_robust", e.SelfNormalizedDoublyRobust()),
        ("switch_doubly_robust 1.5", e.SwitchDoublyRobust(lambda_=1.5)),
        ("shrunk_doubly_robust 3", e.DoublyRobustWithShrinkage(lambda_=3.0)),
    ]:
        print(f"{name:34} {float(estimator.estimate_policy_value(**log))!r}")


def slates():
    random = Generator(2)
    places, n = 3, 400
    action, reward, context = [], [], []
    for _, k in itertools.product(range(n), range(places)):
        x = k  # a place has the table's row of its number
        a = random.draw(LOGGING[x])
        context.append(x), action.append(a)
        reward.append(1.0 if random.uniform() < CLICK[x][a] else 0.0)
    x, a, reward = np.array(context), np.array(action), np.array(reward)
    p, t = LOGGING[x, a].reshape(n, places), TARGET[x, a].reshape(n, places)
    ids = dict(slate_id=np.repeat(np.arange(n), places), reward=reward, position=np.tile(np.arange(places), n))
    whole = lambda w: np.repeat(w.prod(axis=1), places)  # noqa: E731
    s = estimators_slate
    cascade = dict(pscore_cascade=p.cumprod(axis=1).ravel(), evaluation_policy_pscore_cascade=t.cumprod(axis=1).ravel())
    print(f"{'slate_inverse_propensity':34}",
          float(s.SlateStandardIPS(len_list=places).estimate_policy_value(
              pscore=whole(p), evaluation_policy_pscore=whole(t), **ids)))
    print(f"{'independent_inverse_propensity':34}",
          float(s.SlateIndependentIPS(len_list=places).estimate_policy_value(
              pscore_item_position=p.ravel(), evaluation_policy_pscore_item_position=t.ravel(), **ids)))
    print(f"{'cascade_inverse_propensity':34}",
          float(s.SlateRewardInteractionIPS(len_list=places).estimate_policy_value(**cascade, **ids)))
    print(f"{'cascade_doubly_robust':34}",
          float(s.SlateCascadeDoublyRobust(len_list=places, n_unique_action=4).estimate_policy_value(
              action=a, q_hat=GUESS[x].ravel(), evaluation_policy_action_dist=TARGET[x].ravel(), **cascade, **ids)))


single()
slates()

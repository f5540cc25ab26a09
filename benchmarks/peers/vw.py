"""Vowpal Wabbit as a peer of bandits: its settings, a made-up world played by it, and its pace.

The context is the shared namespace, an arm is one feature of its own, and -q crosses them, so that each arm has its own
coefficients over the context, as ours has. The context has a constant in it, so VW's own is left out, and so is what all
arms would have in common: with both, VW earns up to .1 less. What a choice costs is 1 - its reward (as 0 and -1, VW earns
less); the propensity that VW learns with is the one it drew with.
"""

import bisect
import concurrent.futures
import itertools
import multiprocessing
import time

import numpy as np
from vowpalwabbit import Workspace

BANDIT = "--cb_explore_adf -q sa --noconstant --ignore_linear s --quiet"
SETTINGS = {
    "epsilon .05": "--epsilon .05",
    "squarecb 10": "--squarecb --gamma_scale 10",
    "squarecb 100": "--squarecb --gamma_scale 100",
    "squarecb 1000": "--squarecb --gamma_scale 1000",
    "squarecb 1000 l 2": "--squarecb --gamma_scale 1000 -l 2",
    "bag 5": "--bag 5",
    "regcb .001": "--regcbopt --mellowness .001",
    "regcb .01": "--regcbopt --mellowness .01",
    "regcb .1": "--regcbopt --mellowness .1",
    "regcb .01 l 2": "--regcbopt --mellowness .01 -l 2",
    "cover 5": "--cover 5 --nounif",
    "rnd 3": "--rnd 3",
}
FAST = ("epsilon .05", "squarecb 1000", "regcb .01", "bag 5")  # whose pace is measured


class World:
    """A file of `online_bandits world`: what is seen, with which chance each arm pays, and the luck of each round."""

    def __init__(self, path):
        values = np.fromfile(path, np.float32)
        rounds, arms, dimension = (int(each) for each in values[:3])
        contexts, pays, luck = np.split(values[3:], np.cumsum([rounds * dimension, rounds * arms]))
        self.contexts, self.pays = contexts.reshape(rounds, dimension), pays.reshape(rounds, arms)
        self.luck = luck.reshape(rounds)

    def write(self, path):
        head = np.array([*self.pays.shape, self.contexts.shape[1]], np.float32)
        np.concatenate([head, self.contexts.ravel(), self.pays.ravel(), self.luck]).astype(np.float32).tofile(path)


def made(contexts, pays, luck):
    world = World.__new__(World)
    world.contexts, world.pays, world.luck = contexts, pays, luck
    return world


def features(context):
    return " ".join(f"{j}:{x:.6g}" for j, x in enumerate(context) if x)


def draw(pmf, luck):
    sums = list(itertools.accumulate(pmf))
    return min(bisect.bisect(sums, luck * sums[-1]), len(pmf) - 1)


def play(path, setting, seed):
    """What VW earns in a world: its share of the gap between chance and knowing all, and its mean reward."""
    world = World(path)
    rounds, n_arms = world.pays.shape
    arms = "\n".join(f"|a {arm}" for arm in range(n_arms))
    dice = np.random.default_rng(seed).random(rounds).tolist()
    model = Workspace(f"{BANDIT} {SETTINGS[setting]} --random_seed {seed}")
    chosen = np.empty(rounds, np.int64)
    for t in range(rounds):
        lines = model.parse(f"shared |s {features(world.contexts[t].tolist())}\n{arms}")
        pmf = model.predict(lines)
        arm = chosen[t] = draw(pmf, dice[t])
        cost = 0 if world.luck[t] < world.pays[t, arm] else 1
        lines[arm + 1].set_label_string(f"0:{cost}:{pmf[arm]:.8g}")
        model.learn(lines)
        model.finish_example(lines)
    model.finish()
    pays = world.pays.astype(np.float64)
    earned, blind, best = pays[np.arange(rounds), chosen].sum(), pays.mean(axis=1).sum(), pays.max(axis=1).sum()
    reward = float((world.luck < world.pays[np.arange(rounds), chosen]).mean())
    return {"share": float((earned - blind) / (best - blind)), "reward": reward}


def one_against_all(path):
    """The progressive loss of VW's --oaa in one pass over a world of which it is told, each round, the arm that pays."""
    world = World(path)
    classes = world.pays.argmax(axis=1) + 1
    model = Workspace(f"--oaa {world.pays.shape[1]} --quiet")
    wrong = 0
    for context, label in zip(world.contexts.tolist(), classes.tolist()):
        line = model.parse(f"{label} |s {features(context)}")
        wrong += model.predict(line) != label
        model.learn(line)
        model.finish_example(line)
    model.finish()
    return wrong / len(classes)


# ---- pace -------------------------------------------------------------------------------------------------------------


class Pace:
    """Decide and learn by VW over the same contexts as ours, timed without reading text.

    `cached` is the fastest that the package offers: a log in which every context stands twice, without a label (VW
    decides) and with one (it learns), read by VW itself from its own binary cache, which another thread does. `in_python`
    is what a host in Python does: the parsed lines are handed to predict(), an arm is drawn, and they are handed to
    learn(). CPU time of the thread that learns.
    """

    def __init__(self, contexts, n_arms, folder, setting):
        self.shared = [f"shared |s {features(context)}" for context in contexts.tolist()]
        self.arms = [f"|a {arm}" for arm in range(n_arms)]
        self.options = f"{BANDIT} {SETTINGS[setting]}"
        self.log = folder / f"{n_arms}x{contexts.shape[1]} {setting}".replace(" ", "_")

    def text(self, t, label=None):
        lines = [self.shared[t % len(self.shared)], *self.arms]
        if label is not None:
            arm = t * 7 % len(self.arms)
            lines[arm + 1] = f"{label} {self.arms[arm]}"
        return "\n".join(lines)

    def open_log(self):
        """Reads the log from its cache, once there is one: constructing a Workspace runs through its data."""
        return Workspace(f"{self.options} -d {self.log} --cache_file {self.log}.cache")

    def cached(self, rounds):
        if not self.log.exists():
            with open(self.log, "w") as out:
                for t in range(rounds):
                    label = f"0:{0 if t % 10 == 0 else 1}:{1 / len(self.arms):.6g}"
                    out.write(f"{self.text(t)}\n\n{self.text(t, label)}\n\n")
            self.open_log().finish()
        begin = time.thread_time()
        model = self.open_log()
        spent = time.thread_time() - begin
        seen = model.get_weighted_examples()
        model.finish()
        if seen != 2 * rounds:
            raise RuntimeError(f"VW has read {seen:g} examples of {2 * rounds}")
        return rounds / spent

    def in_python(self, rounds, block=250):
        model = Workspace(self.options)
        dice = np.random.default_rng(2).random(rounds).tolist()
        spent = 0.0
        for first in range(0, rounds, block):
            lines = [model.parse(self.text(t)) for t in range(first, min(rounds, first + block))]
            begin = time.thread_time()
            for t, each in enumerate(lines, first):
                pmf = model.predict(each)
                arm = draw(pmf, dice[t])
                each[arm + 1].set_label_string(f"0:{0 if (arm + t) % 10 == 0 else 1}:{pmf[arm]:.6g}")
                model.learn(each)
            spent += time.thread_time() - begin
            for each in lines:
                model.finish_example(each)
        model.finish()
        return rounds / spent


def pace(way, contexts, n_arms, folder, setting, rounds):
    """Rounds a second by a way of Pace, in a process of its own: VW's examples would stay in ours."""
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as once:
        return once.submit(paced, way, contexts, n_arms, folder, setting, rounds).result()


def paced(way, contexts, n_arms, folder, setting, rounds):
    return getattr(Pace(contexts, n_arms, folder, setting), way)(rounds)

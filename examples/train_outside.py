"""Trains one policy for 100 households with Stable-Baselines3's PPO: python examples/train_outside.py"""

from pathlib import Path

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

import cosim


class Households(VecEnv):
    """Each agent is one of SB3's parallel environments: what all of them see and do trains one network."""

    def __init__(self, env):
        self.env, self.names, first = env, env.possible_agents, env.possible_agents[0]
        super().__init__(len(self.names), env.observation_space(first), env.action_space(first))

    def reset(self):
        return np.stack(list(self.env.reset()[0].values()))

    def step_async(self, actions):
        self.actions = dict(zip(self.names, actions, strict=True))

    def step_wait(self):
        seen, rewards, _, done, infos = (list(part.values()) for part in self.env.step(self.actions))
        for info, last in zip(infos, seen, strict=True):
            info |= {"terminal_observation": last, "TimeLimit.truncated": all(done)}
        return self.reset() if all(done) else np.stack(seen), np.array(rewards), np.array(done), infos

    def get_attr(self, attr_name, indices=None):
        return [getattr(self.env, attr_name)] * self.num_envs

    close = set_attr = env_method = env_is_wrapped = lambda self, *args, **kwargs: None


def saving(model, vec):
    """Mean saving of a household in an episode, without exploration [EUR]."""
    vec.training, seen, done, total = False, vec.reset(), [False], 0.0
    while not all(done):
        seen, _, done, _ = vec.step(model.predict(seen, deterministic=True)[0])
        total += vec.get_original_reward().mean()
    vec.training = True
    return total


def train(scenario, episodes):
    """Mean saving of a household in an episode before and after training [EUR]."""
    vec = VecNormalize(Households(cosim.env(scenario, uniform=True)), gamma=0.95)
    settings = {"n_steps": 48, "batch_size": 12 * vec.num_envs, "n_epochs": 5, "learning_rate": 1e-3}
    settings |= {"gamma": 0.95, "gae_lambda": 0.9, "policy_kwargs": {"log_std_init": -1.0}}
    model = PPO("MlpPolicy", vec, seed=1, device="cpu", **settings)
    before, steps = saving(model, vec), episodes * scenario.horizon.periods * vec.num_envs
    return before, saving(model.learn(steps), vec)


if __name__ == "__main__":
    results = train(cosim.load_scenario(Path(__file__).parents[1] / "scenarios" / "reference-100.yaml"), 6)
    print("Mean saving of a household in a week: {:.2f} EUR before, {:.2f} EUR after".format(*results))

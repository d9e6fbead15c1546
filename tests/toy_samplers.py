"""Toy samplers, in a separate file so that worker processes need not import Optuna."""

import zlib

from optuna.samplers import BaseSampler, RandomSampler


class SensitiveSampler(BaseSampler):
    """Proposes something else altogether if anything is different in what it has been told."""

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        told = [(other.number, other.state.name, other.value) for other in study.get_trials(deepcopy=False)]
        seed = zlib.crc32(repr((told, trial.number, param_name)).encode())
        return RandomSampler(seed=seed).sample_independent(study, trial, param_name, param_distribution)

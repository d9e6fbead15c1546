"""Spaces: the candidates are those that the user described; they can be listed and checked."""

import copy
import re
from itertools import product

import joblib
import optuna
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FixedTrial
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune.space._dimensions import make_value_key
from sklearn_autotune.space._space import is_grid, make_candidate_key, read_space
from tests.names import named
from tests.strategies import (
    NAMES,
    dicts_of_entries,
    finite_grids,
    option_values,
    quick,
    suggested_params,
    told_apart_branches,
)


def walk(space):
    """All candidates of a finite space, in its own order."""
    return [space.suggest(FixedTrial(fixed)) for fixed in space.iterate_grid()]


def draw(space, n_candidates, seed=0):
    """Candidates as random search proposes them, all from one study."""
    study = create_random_study(seed)
    return [space.suggest(study.ask()) for _ in range(n_candidates)]


def in_order(candidates):
    return [[(name, make_value_key(value)) for name, value in candidate.items()] for candidate in candidates]


def svc_or_forest():
    return Pipeline([("scale", StandardScaler()), ("clf", SVC())])


# -- what can be a space -------------------------------------------------------------------------------------------


def test_a_dict_gives_candidates_with_all_its_parameters():
    space = read_space({"b": [1, 2], "a": FloatDistribution(0, 1), "c": scipy.stats.randint(3, 9)})

    assert all(list(candidate) == ["a", "b", "c"] for candidate in draw(space, 5))


def test_a_list_of_dicts_gives_candidates_with_the_parameters_of_one_of_them():
    space = read_space([{"kernel": ["poly"], "degree": [2, 3]}, {"kernel": ["rbf"], "gamma": FloatDistribution(0, 1)}])
    drawn = {frozenset(candidate) for candidate in draw(space, 30)}

    assert drawn == {frozenset({"kernel", "degree"}), frozenset({"kernel", "gamma"})}


def test_values_come_from_the_dict_that_the_other_values_come_from():
    space = read_space([{"side": ["left"], "n": [1, 2, 3]}, {"side": ["right"], "n": IntDistribution(7, 9)}])

    for candidate in draw(space, 40):
        assert candidate["n"] in ((1, 2, 3) if candidate["side"] == "left" else (7, 8, 9))


@pytest.mark.parametrize(
    "entries",
    [
        ([1, 2], [3, 4]),
        ([1, 2], IntDistribution(3, 4)),
        (IntDistribution(1, 2), FloatDistribution(1, 2)),
        (FloatDistribution(1, 2), FloatDistribution(3, 4)),
        (scipy.stats.norm(), scipy.stats.expon()),
        ([True, False], [1, 0]),
        ([1, 2], [1.0, 2.0]),
        ([SVC()], [SVC(C=2)]),
        ([1, 2], [3, 4], [1, 2]),
    ],
    ids=lambda entries: " ".join(type(entry).__name__ for entry in entries),
)
def test_dicts_may_give_the_same_name_different_meanings_in_one_study(entries):
    space = read_space([{"a": entry, "which": [place]} for place, entry in enumerate(entries)])
    alone = [read_space({"a": entry}) for entry in entries]

    drawn = draw(space, 40)

    assert {candidate["which"] for candidate in drawn} == set(range(len(entries)))
    for candidate in drawn:
        alone[candidate["which"]].encode({"a": candidate["a"]})  # refuses a value that is not of that dict


@pytest.mark.parametrize("raw_space", [[{"a": [1]}], ({"a": [1]},), {"a": [1]}], ids=repr)
def test_one_dict_is_unconditional_however_it_is_wrapped(raw_space):
    assert not read_space(raw_space).is_conditional


@pytest.mark.parametrize("raw_space", [[{"a": [1]}, {"b": [1]}], lambda trial: {}], ids=["dicts", "function"])
def test_several_dicts_and_functions_are_conditional(raw_space):
    assert read_space(raw_space).is_conditional


@pytest.mark.parametrize("raw_space", [None, 3, "C", "", [], (), {1, 2}, [["a"]], [{"a": [1]}, None]], ids=repr)
def test_what_is_no_space_is_refused(raw_space):
    with pytest.raises(TypeError, match="Parameter distribution is not a dict"):
        read_space(raw_space)


def test_an_entry_that_cannot_be_read_is_refused_by_its_name():
    with pytest.raises(TypeError, match="'gamma'"):
        read_space([{"C": [1]}, {"gamma": 0.5}])


# -- size and grid -------------------------------------------------------------------------------------------------


@given(finite_grids() | st.lists(finite_grids(), min_size=1, max_size=3))
@quick
def test_the_grid_is_parameter_grid_in_its_order(raw_space):
    assert in_order(walk(read_space(raw_space))) == in_order(ParameterGrid(raw_space))


@given(finite_grids() | st.lists(finite_grids(), min_size=1, max_size=3))
@quick
def test_the_size_of_a_finite_space_is_the_number_of_its_candidates(raw_space):
    assert read_space(raw_space).size == len(ParameterGrid(raw_space))


@pytest.mark.parametrize(
    ("raw_space", "expected"),
    [
        ({}, 1),
        ({"a": [1, 1, 2]}, 2),
        ({"a": IntDistribution(1, 10), "b": ["x", "y"]}, 20),
        ({"a": IntDistribution(1, 9, step=2)}, 5),
        ({"a": FloatDistribution(0, 1, step=0.1)}, 11),
        ({"a": scipy.stats.randint(3, 9)}, 6),
        ([{"a": [1, 2]}, {"b": [1, 2, 3]}], 5),
        ({"a": FloatDistribution(2, 2)}, 1),
        ({"a": FloatDistribution(0, 1)}, None),
        ({"a": scipy.stats.poisson(3)}, None),
        ({"a": scipy.stats.dirichlet([1, 1])}, None),
        ([{"a": [1, 2]}, {"a": scipy.stats.norm()}], None),
    ],
    ids=named,
)
def test_ranges_with_steps_count_and_others_make_the_space_uncountable(raw_space, expected):
    assert read_space(raw_space).size == expected


@pytest.mark.parametrize(
    "raw_space",
    [
        {"a": IntDistribution(1, 9, step=2), "b": FloatDistribution(0, 1, step=0.1)},
        [{"a": IntDistribution(1, 3)}, {"a": IntDistribution(1, 4)}, {"a": ["x", None]}],
        {"a": [SVC(), SVC(C=2)], "b": [(1,), (2, 3)]},
    ],
    ids=["steps", "branches", "objects"],
)
def test_a_study_takes_every_point_of_the_grid_as_it_is(raw_space):
    space, study = read_space(raw_space), create_random_study(seed=0)
    suggested = []
    for fixed in space.iterate_grid():
        study.enqueue_trial(fixed)  # warns, and suggests something else, if the study does not know the value
        suggested.append(space.suggest(study.ask()))

    assert in_order(suggested) == in_order(walk(space))
    assert len(suggested) == space.size


def test_an_uncountable_space_has_no_grid():
    with pytest.raises(ValueError, match="no finite number of values"):
        next(read_space({"a": FloatDistribution(0, 1)}).iterate_grid())


# -- encode --------------------------------------------------------------------------------------------------------


@given(dicts_of_entries() | told_apart_branches(), st.data())
@quick
def test_encode_is_the_inverse_of_suggest(raw_space, data):
    space = read_space(raw_space)
    candidate = space.suggest(FixedTrial(data.draw(suggested_params(space))))

    again = space.suggest(FixedTrial(space.encode(candidate)))

    assert make_candidate_key(again) == make_candidate_key(candidate)


@given(dicts_of_entries(), st.data())
@quick
def test_encode_takes_part_of_a_candidate(raw_space, data):
    space = read_space(raw_space)
    candidate = space.suggest(FixedTrial(data.draw(suggested_params(space))))
    some = data.draw(st.sets(st.sampled_from(sorted(candidate)))) if candidate else set()

    assert set(space.encode({name: candidate[name] for name in some})) == some


def test_a_value_of_a_scipy_distribution_is_asked_for_by_its_quantile():
    space = read_space({"a": scipy.stats.norm(3, 2), "b": scipy.stats.poisson(4)})

    again = space.suggest(FixedTrial(space.encode({"a": 4.2, "b": 6})))

    assert again == {"a": pytest.approx(4.2), "b": 6}


def test_encode_finds_the_dict_that_can_give_the_values():
    space = read_space([{"kernel": ["poly"], "degree": [2, 3]}, {"kernel": ["rbf"], "gamma": FloatDistribution(0, 1)}])

    again = space.suggest(FixedTrial(space.encode({"kernel": "rbf", "gamma": 0.5})))

    assert again == {"kernel": "rbf", "gamma": 0.5}


@pytest.mark.parametrize(
    ("branches", "candidate"),
    [
        ([{"max_features": [1, 2]}, {"max_features": [0.5, 1.0]}], {"max_features": 1.0}),
        ([{"flag": [True]}, {"flag": [1]}], {"flag": 1}),
    ],
    ids=["1.0", "1"],
)
def test_encode_prefers_the_value_itself_to_one_that_only_equals_it(branches, candidate):
    space = read_space(branches)

    again = space.suggest(FixedTrial(space.encode(candidate)))

    assert make_candidate_key(again) == make_candidate_key(candidate)


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        ({"kernel": "cubic"}, "'cubic' is not among the choices ['rbf']"),
        ({"C": 7.0}, "7.0 lies outside FloatDistribution"),
        ({"C": "large"}, "'large' is not a value of FloatDistribution"),
        ({"coef0": 1.0}, "'coef0' is not in the space"),
    ],
    ids=["choice", "range", "type", "name"],
)
def test_a_candidate_outside_is_refused_with_the_reason(candidate, reason):
    space = read_space({"kernel": ["rbf"], "C": FloatDistribution(0, 1)})

    with pytest.raises(ValueError, match=rf"{re.escape(repr(candidate))} is not in the space: {re.escape(reason)}"):
        space.encode(candidate)


def test_a_candidate_outside_all_dicts_is_refused_with_a_reason_for_each():
    space = read_space([{"a": [1, 2]}, {"b": [1, 2]}])

    with pytest.raises(ValueError, match=r"3 is not among .*; 'a' is not in the space"):
        space.encode({"a": 3})


# -- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "name", "closest"),
    [
        (SVC(), "Cc", "C"),
        (SVC(), "gama", "gamma"),
        (make_pipeline(StandardScaler(), SVC()), "svc_C", "svc__C"),
        (make_pipeline(StandardScaler(), SVC()), "svc__gama", "svc__gamma"),
        (make_pipeline(StandardScaler(), SVC()), "svm__kernel", "svc__kernel"),
        (OneVsRestClassifier(SVC()), "estimator__degre", "estimator__degree"),
    ],
    ids=["flat", "spelling", "one underscore", "in a step", "step", "nested"],
)
def test_an_unknown_name_is_refused_with_the_closest_valid_one(estimator, name, closest):
    with pytest.raises(ValueError, match=f"Invalid parameter '{name}' .* Closest valid name: '{closest}'"):
        read_space({name: [1, 2]}).check(estimator)


@pytest.mark.parametrize(
    ("estimator", "raw_space"),
    [
        (SVC(), {"C": [1], "kernel": ["rbf"]}),
        (make_pipeline(StandardScaler(), SVC()), {"svc__C": [1], "standardscaler__with_mean": [True]}),
        (make_pipeline(StandardScaler(), SVC()), {"svc": [SVC(), LogisticRegression()]}),
        (make_pipeline(StandardScaler(), SVC()), {"standardscaler": ["passthrough", StandardScaler()]}),
        (OneVsRestClassifier(SVC()), {"estimator__C": FloatDistribution(1, 2)}),
        (SVC(), {}),
    ],
    ids=["flat", "steps", "swapped", "passthrough", "nested", "empty"],
)
def test_valid_names_pass(estimator, raw_space):
    assert read_space(raw_space).check(estimator) is None


def test_the_unknown_name_may_stand_in_any_dict_of_the_list():
    with pytest.raises(ValueError, match="'degre'"):
        read_space([{"C": [1]}, {"kernel": ["poly"], "degre": [2]}]).check(SVC())


def test_a_parameter_that_only_one_of_the_swapped_steps_has_is_refused():
    space = read_space({"clf": [SVC(), RandomForestClassifier()], "clf__C": [1, 2]})

    with pytest.raises(ValueError, match=r"'clf__C' .*RandomForestClassifier\(\).* list of dicts"):
        space.check(svc_or_forest())


def test_a_parameter_of_a_step_that_may_be_left_out_is_refused():
    space = read_space({"scale": ["passthrough", StandardScaler()], "scale__with_mean": [True, False]})

    with pytest.raises(ValueError, match="'scale__with_mean'"):
        space.check(svc_or_forest())


def test_swapped_steps_with_parameters_of_their_own_go_into_dicts_of_their_own():
    space = read_space(
        [
            {"clf": [SVC()], "clf__C": [1, 2]},
            {"clf": [RandomForestClassifier()], "clf__max_depth": [3, None]},
        ]
    )

    assert space.check(svc_or_forest()) is None


def test_parameters_of_a_swapped_part_of_a_swapped_part_are_found():
    space = read_space({"clf": [OneVsRestClassifier(LogisticRegression())], "clf__estimator": [SVC()]})
    deeper = read_space(
        {"clf": [OneVsRestClassifier(LogisticRegression())], "clf__estimator": [SVC()], "clf__estimator__degree": [2]}
    )

    assert space.check(svc_or_forest()) is None
    assert deeper.check(svc_or_forest()) is None


def test_estimators_that_take_any_name_are_left_to_do_so():
    assert read_space({"max_depth": [3], "a_parameter_of_the_next_release": [1]}).check(XGBClassifier()) is None


@pytest.mark.parametrize(
    "raw_space",
    [
        {"clf": [RandomForestClassifier()], "clf__max_depth": [3]},
        {"clf__C": [99]},
        [{"clf": [SVC()], "clf__C": [99]}, {"clf": [RandomForestClassifier()], "clf__max_depth": [3]}],
        {"clf": [OneVsRestClassifier(LogisticRegression())], "clf__estimator": [SVC()], "clf__estimator__degree": [2]},
        {"nonsense": [1]},
    ],
    ids=["swapped", "plain", "dicts", "swapped in swapped", "refused"],
)
def test_check_changes_neither_the_estimator_nor_those_in_the_space(raw_space):
    estimator = svc_or_forest()
    step = estimator.named_steps["clf"]
    before = joblib.hash((estimator, raw_space))

    try:
        read_space(raw_space).check(estimator)
    except ValueError:
        assert raw_space == {"nonsense": [1]}

    assert estimator.named_steps["clf"] is step
    assert joblib.hash((estimator, raw_space)) == before


# -- keys of candidates --------------------------------------------------------------------------------------------


def candidates():
    return st.dictionaries(st.sampled_from(NAMES), option_values(), max_size=4)


@given(candidates())
@quick
def test_equal_candidates_have_equal_keys(candidate):
    assert make_candidate_key(copy.deepcopy(candidate)) == make_candidate_key(candidate)


@given(candidates(), st.randoms(use_true_random=False))
@quick
def test_the_order_of_the_names_does_not_matter_to_the_key(candidate, random):
    names = list(candidate)
    random.shuffle(names)

    assert make_candidate_key({name: candidate[name] for name in names}) == make_candidate_key(candidate)


@given(candidates(), candidates())
@quick
def test_candidates_with_different_names_have_different_keys(one, other):
    assert (make_candidate_key(one) == make_candidate_key(other)) <= (set(one) == set(other))


@given(finite_grids())
@quick
def test_all_candidates_of_a_grid_have_different_keys(raw_space):
    assert len({make_candidate_key(candidate) for candidate in ParameterGrid(raw_space)}) == len(
        ParameterGrid(raw_space)
    )


def test_a_key_tells_true_from_one_and_values_from_one_another():
    values = [True, 1, 1.0, "1", None, (1,), [1], SVC(), SVC(C=2)]

    assert len({make_candidate_key({"a": value}) for value in values}) == len(values)


# -- what is stored of a space -------------------------------------------------------------------------------------

TELLING_PAIRS = [
    ({"a": [1, 2]}, {"a": [1, 3]}),
    ({"a": [1, 2]}, {"b": [1, 2]}),
    ({"a": [1, 2]}, {"a": [1, 2], "b": [1]}),
    ({"a": [True, False]}, {"a": [1, 0]}),
    ({"a": FloatDistribution(0, 1)}, {"a": FloatDistribution(0, 2)}),
    ({"a": scipy.stats.uniform(0, 1)}, {"a": scipy.stats.uniform(0, 2)}),
    ({"a": [1, 2]}, [{"a": [1]}, {"a": [2]}]),
    pytest.param(
        {"a": [(10,), (20,)]},
        {"a": [(30,), (40,)]},
    ),
    pytest.param(
        {"a": [SVC()]},
        {"a": [SVC(C=9)]},
    ),
    pytest.param(
        {"a": scipy.stats.norm(0)},
        {"a": scipy.stats.norm(5)},
    ),
    pytest.param(
        {"a": scipy.stats.poisson(3)},
        {"a": scipy.stats.expon()},
    ),
]


@pytest.mark.parametrize(("one", "other"), TELLING_PAIRS)
def test_different_spaces_are_described_differently(one, other):
    assert read_space(one).describe() != read_space(other).describe()


@given(dicts_of_entries() | told_apart_branches())
@quick
def test_a_copy_of_a_space_is_described_the_same(raw_space):
    assert read_space(copy.deepcopy(raw_space)).describe() == read_space(raw_space).describe()


@pytest.mark.parametrize("n_branches", [2, 3])
def test_the_tpe_sampler_searches_several_dicts_in_one_study(n_branches):
    raw_space = [{"a": FloatDistribution(0, 1 + place), "which": [place]} for place in range(n_branches)]
    space = read_space(raw_space)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=5))
    for _ in range(15):
        trial = study.ask()
        candidate = space.suggest(trial)
        study.tell(trial, candidate["a"])

    assert {frozenset(trial.params) for trial in study.trials} == {
        frozenset(names.values()) | {"(branch)"} for names in space.study_names
    }


def test_every_pair_of_choices_is_reached():
    space = read_space({"a": [1, 2], "b": ["x", "y"]})
    drawn = {(candidate["a"], candidate["b"]) for candidate in draw(space, 60)}

    assert drawn == set(product([1, 2], ["x", "y"]))


@pytest.mark.parametrize("raw", [{}, {"a": (1, 2)}, [{"a": [1, 2]}, {"b": range(3)}], {"a": 1}, "auto", [3]])
def test_a_grid_is_what_parameter_grid_takes(raw):
    try:
        ParameterGrid(raw)
    except TypeError:
        assert not is_grid(raw)
    else:
        assert is_grid(raw)

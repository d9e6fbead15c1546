"""The sections of a configuration, and the keys that set parameters of searches."""

import pytest
from pydantic import ValidationError

from sklearn_autotune.runner import _sections
from sklearn_autotune.runner._config import Config
from sklearn_autotune.runner._sections import Output, Range, SearchKeys


def test_a_key_counts_as_given_unless_it_changes_nothing():
    assert SearchKeys().given == ["cv"]
    assert SearchKeys(resume=False, generate_features=False).given == ["cv"]
    given = SearchKeys(measure_default=False, blend=False, n_trials=3, step_cache=0, resume=True).given
    assert sorted(given) == ["blend", "cv", "measure_default", "n_trials", "resume", "step_cache"]


def test_every_search_key_has_a_description_that_says_what_is_without_it():
    for name, field in SearchKeys.model_fields.items():
        text = field.description or ""
        assert text.endswith("."), name
        assert len(text) < 400, name
    schema = Config.model_json_schema()["properties"]
    assert "Left out:" in schema["measure_default"]["description"]
    assert schema["cv"]["default"] == 5


def test_an_editor_can_complete_names_and_settings():
    schema = Config.model_json_schema()["properties"]
    samplers = schema["sampler"]["anyOf"]

    assert "tpe" in samplers[0]["enum"]
    tpe = next(one for one in samplers[1:] if "tpe" in one["properties"])["properties"]["tpe"]
    assert tpe["properties"]["n_startup_trials"]["minimum"] == 0
    assert tpe["additionalProperties"] is False
    assert schema["cv"]["anyOf"][0] == {"type": "integer", "minimum": 2}


def test_a_range_is_of_one_kind():
    for wrong in ({}, {"int": [1, 2], "choices": [1]}, {"choices": [1], "log": True}, {"float": [2.0, 1.0]}):
        with pytest.raises(ValidationError):
            Range.model_validate(wrong)
    assert Range.model_validate({"int": [1, 9], "step": 2}).make_distribution().step == 2


def test_a_report_is_written_if_it_can_be(monkeypatch):
    assert (Output(report=False).has_report, Output(report=True).has_report) == (False, True)
    monkeypatch.setattr(_sections, "find_spec", lambda name: None)
    assert not Output().has_report

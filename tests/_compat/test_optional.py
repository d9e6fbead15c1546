"""Optional packages are imported where they are used, and the error says what to install."""

import sys

import pytest

from sklearn_autotune._compat.optional import import_optional


def test_a_module_inside_a_package_is_returned():
    import json.decoder

    assert import_optional("json.decoder", "Reading") is json.decoder


def test_what_is_missing_is_named_by_its_package_with_what_needs_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ImportError, match=r"^Plotting needs matplotlib: pip install matplotlib$") as caught:
        import_optional("matplotlib.pyplot", "Plotting")

    assert isinstance(caught.value.__cause__, ImportError)

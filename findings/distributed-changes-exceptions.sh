#!/bin/sh
# `import distributed` changes how every exception of the process is pickled.
#
# Versions: distributed 2026.8.0 with tblib 3.2.2.
# Expected: an exception whose constructor takes two arguments but passes one on cannot be unpickled, whatever
# else has been imported.
# Found: so it is, until the process imports distributed. From then on the same class can be unpickled, and an
# unpickled exception has its traceback. A class that is defined after the import still cannot.
# Why it matters: whether an error of a user's model comes back whole from a worker process depends on which
# library was imported, and on whether it was imported before or after the error's class. A test suite that
# imports Dask anywhere hides the fault.
# Source: distributed/utils.py calls `tblib.pickling_support.install()` without arguments at import. This
# registers a reducer for each exception class that exists at that time.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet distributed==2026.8.0 dask==2026.8.0 tblib==3.2.2

cat > "$folder/check.py" <<'END'
import pickle
import sys


class FitFailed(Exception):
    def __init__(self, model, reason):
        super().__init__(f"{model}: {reason}")


def round_trip(kind):
    try:
        raise kind("forest", "no rows")
    except Exception as error:
        raised = error
    try:
        again = pickle.loads(pickle.dumps(raised))
    except TypeError as error:
        return f"TypeError: {error}"
    return f"{again}, with traceback: {again.__traceback__ is not None}"


before = round_trip(FitFailed)
print(f"before the import: {before}")
import distributed  # noqa: E402, F401



class ScoreFailed(Exception):
    def __init__(self, model, reason):
        super().__init__(f"{model}: {reason}")


after, later = round_trip(FitFailed), round_trip(ScoreFailed)
print(f"after the import: {after}")
print(f"a class defined after the import: {later}")

failed = before.startswith("TypeError") and later.startswith("TypeError")
if not (failed and after == "forest: no rows, with traceback: True"):
    sys.exit("changed: exceptions are pickled in another way")
END
cd "$folder"
"$folder/venv/bin/python" check.py

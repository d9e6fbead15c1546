#!/bin/sh
# One uint64 column makes MLflow's infer_signature replace the schema of the whole frame by a single nameless column.
#
# Versions: MLflow 3.17.2 with pandas 3.1.1.
# Expected: the other columns keep their names and types, or an error names the column.
# Found: the schema is one column without a name, of type Any. A warning says that inference failed. It does not
# say which column is the cause. uint32 works. A sparse column does the same as uint64.
# Why it matters: counts and hashes are often uint64. The logged model loses the names and types of all its
# inputs, so that nothing checks what it is given.
# Source: `infer_signature` catches every error of the inference and sets `Schema([ColSpec(type=AnyType())])`
# (mlflow/models/signature.py).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet mlflow==3.17.2 pandas==3.1.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import logging
import sys
import warnings

import numpy as np
import pandas as pd
from mlflow.models import infer_signature

logging.getLogger("mlflow").setLevel(logging.ERROR)
warnings.simplefilter("ignore")


def schema(column):
    inputs = infer_signature(pd.DataFrame({"count": column, "size": [1.0, 2.0, 3.0]})).inputs
    return [(spec["name"] if "name" in spec else None, spec["type"]) for spec in inputs.to_dict()]


found = {
    "uint32": schema(np.arange(3, dtype="uint32")),
    "uint64": schema(np.arange(3, dtype="uint64")),
    "sparse": schema(pd.arrays.SparseArray([0.0, 0.0, 1.0])),
}
for name, columns in found.items():
    print(f"{name}: {columns}")

if found["uint32"] != [("count", "long"), ("size", "double")]:
    sys.exit("changed: the signature of a uint32 column")
if not all(len(found[name]) == 1 and found[name][0][0] is None for name in ("uint64", "sparse")):
    sys.exit("changed: the signature of a frame with such a column")
END
cd "$folder"
"$folder/venv/bin/python" check.py

#!/bin/sh
# NGBoost stops early, and predicts with the rounds after the best one: predict does not use the iteration that was found.
#
# Versions: ngboost 0.5.11 with scikit-learn 1.9.1.
# Expected: after early stopping, predict uses the best iteration, as in XGBoost, LightGBM and CatBoost.
# Found: predict uses all rounds, those of the patience included: early_stopping_rounds=100 adds 100 rounds that made the
# validation loss worse. best_val_loss_itr has the best one, which has to be passed as max_iter by hand; what predicts
# through scikit-learn (cross_val_score, a search, a Pipeline) cannot pass it.
# Why it matters: a longer patience, which is meant to find the minimum more surely, makes the model worse.
# Source: fit keeps base_models of all rounds, and pred_dist stops at max_iter alone.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet ngboost==0.5.11 scikit-learn==1.9.1 numpy==2.4.6

cat > "$folder/check.py" <<'END'
import sys

import numpy as np
from ngboost import NGBRegressor

random = np.random.RandomState(0)
X = random.normal(size=(600, 5))
y = X[:, 0] + random.normal(size=600)
train, held_out, test = slice(0, 200), slice(200, 400), slice(400, 600)

model = NGBRegressor(n_estimators=500, learning_rate=0.1, early_stopping_rounds=100, random_state=0, verbose=False)
model.fit(X[train], y[train], X_val=X[held_out], Y_val=y[held_out])
best, made = model.best_val_loss_itr, len(model.base_models)

predicted = model.predict(X[test])
by_all = model.predict(X[test], max_iter=made)
by_best = model.predict(X[test], max_iter=best + 1)
losses = [-model.pred_dist(X[test], max_iter=rounds).logpdf(y[test]).mean() for rounds in (made, best + 1)]
print(f"best iteration {best}, rounds kept {made}")
print(f"negative log likelihood on other rows: by all rounds {losses[0]:.2f}, by those up to the best {losses[1]:.2f}")

is_all = bool((predicted == by_all).all())
if not (made > best + 90 and is_all and np.abs(predicted - by_best).max() > 0.1 and losses[0] > losses[1] + 0.2):
    sys.exit("changed: predict uses the best iteration")
END
cd "$folder"
"$folder/venv/bin/python" check.py

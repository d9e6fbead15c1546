"""Of scikit-learn's tests for all its meta-estimators, only those for searches are run."""


def pytest_collection_modifyitems(config, items):
    ours, others = [], []
    for item in items:
        through_all = "test_scikit_learn_meta" in item.nodeid and hasattr(item, "callspec")
        is_ours = "[GridSearchCV" in item.nodeid or "[RandomizedSearchCV" in item.nodeid
        (others if through_all and not is_ours else ours).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = ours

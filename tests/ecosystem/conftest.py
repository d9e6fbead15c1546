"""These tests need the extra `ecosystem`. They run at night, or if one of their files is named on the command line."""

from tests.faults.nightly import IS_NIGHT

collect_ignore_glob = [] if IS_NIGHT else ["*.py"]

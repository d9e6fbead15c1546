"""The table and the runs that these tests share."""

from tests.runs import copied, finished, table, write

__all__ = ["copied", "finished", "table", "write"]

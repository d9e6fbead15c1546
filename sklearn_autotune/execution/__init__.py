"""Where candidates are measured: in this process, in threads, in worker processes, on a Dask cluster."""

"""A PostgreSQL server of one's own, for a test: begun in a folder, on a free port, and stopped again."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import optuna
import pytest


class Server:
    """One server."""

    def __init__(self):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        initdb = str(found[-1]) if found else shutil.which("initdb")
        if initdb is None:
            pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
        self.programs = Path(initdb).parent
        self.as_user = []
        if os.geteuid() == 0:  # the server refuses to run as root
            if shutil.which("runuser") is None or subprocess.run(["id", "postgres"], capture_output=True).returncode:
                pytest.skip("needs runuser and the user postgres to start a server as root")
            self.as_user = ["runuser", "-u", "postgres", "--"]
        # Not in pytest's own folder, which nobody but its owner can get into.
        self.folder = folder = Path(tempfile.mkdtemp(prefix="sklearn_autotune_postgres_"))
        if self.as_user:
            shutil.chown(folder, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "--no-sync")
        self.control("start")
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "studies")

    @property
    def url(self):
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/studies"

    def trials(self, name):
        """What is stored of a study."""
        storage = optuna.storages.RDBStorage(self.url)
        try:
            return optuna.load_study(study_name=name, storage=storage).trials
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def control(self, what, *more):
        options = f"-p {self.port} -k {self.folder} -h 127.0.0.1 -F"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-o", options, "-l", log, what, *more)

    def stop(self):
        self.control("stop", "-m", "immediate")
        shutil.rmtree(self.folder)

    def _run(self, program, *args):
        command = [*self.as_user, str(self.programs / program), *args]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=self.folder, check=False
        )
        assert done.returncode == 0, done.stderr

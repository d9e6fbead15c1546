"""Database servers for tests: started in a folder on a free port, and stopped at the end."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import optuna
import pytest


class Server:
    """What the servers have in common."""

    def __init__(self, user):
        self.as_user = []
        if os.geteuid() == 0:  # servers refuse to run as root
            if shutil.which("runuser") is None or subprocess.run(["id", user], capture_output=True).returncode:
                pytest.skip(f"needs runuser and the user {user} to start a server as root")
            self.as_user = ["runuser", "-u", user, "--"]
        # Not in pytest's own folder, which nobody but its owner can get into.
        self.folder = Path(tempfile.mkdtemp(prefix=f"sklearn_autotune_{user}_"))
        if self.as_user:
            shutil.chown(self.folder, user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def trials(self, name):
        """What is stored of a study."""
        storage = optuna.storages.RDBStorage(self.url)
        try:
            return optuna.load_study(study_name=name, storage=storage).trials
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def close(self):
        """End it, and all that it stored."""
        self.stop()
        shutil.rmtree(self.folder)

    def run(self, *command):
        done = subprocess.run(
            [*self.as_user, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr


class PostgreSQL(Server):
    """One of PostgreSQL's."""

    def __init__(self):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        initdb = str(found[-1]) if found else shutil.which("initdb")
        if initdb is None:
            pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
        self.programs = Path(initdb).parent
        super().__init__("postgres")
        self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "studies")

    @property
    def url(self):
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/studies"

    def start(self):
        self._control("start")

    def stop(self):
        """End it as a fault would: connections are cut."""
        self._control("stop", "-m", "immediate")

    def _control(self, what, *more):
        options = f"-p {self.port} -k {self.folder} -h 127.0.0.1 -F"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-o", options, "-l", log, what, *more)

    def _run(self, program, *args):
        self.run(str(self.programs / program), *args)


class MySQL(Server):
    """One of MariaDB's, which speaks as MySQL does."""

    def __init__(self):
        self.program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
        if self.program is None or shutil.which("mariadb-install-db") is None or shutil.which("mariadb") is None:
            pytest.skip("needs MariaDB's programs (Debian: mariadb-server)")
        super().__init__("mysql")
        self.process = None
        self.run("mariadb-install-db", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal")
        self.start()
        self._query(
            "CREATE DATABASE studies; CREATE USER someone@localhost; GRANT ALL ON studies.* TO someone@localhost"
        )

    @property
    def url(self):
        return f"mysql+pymysql://someone@127.0.0.1:{self.port}/studies"

    def start(self):
        if self.process is not None and self.process.poll() is None:
            return None
        command = [
            *self.as_user,
            self.program,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
        ]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        for _ in range(300):
            with contextlib.suppress(AssertionError):
                return self._query("SELECT 1")
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self):
        """End it as a fault would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _query(self, statement):
        self.run("mariadb", "--no-defaults", f"--socket={self.folder / 'socket'}", "-u", "root", "-e", statement)

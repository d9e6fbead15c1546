"""Where whole runs are started: a pipeline of DVC around the command line, and a kernel of JupyterLab's server."""

import json
import os
import re
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.ecosystem.test_models import require
from tests.ecosystem.test_tools import ROOT, wait_for

pytestmark = pytest.mark.filterwarnings("default")

PARAMS = """\
data: sklearn:iris
target: target
model_type: logistic
n_trials: 3
cv: 3
space:
  C: 1.0
output: {report: false}
"""

PIPELINE = """\
stages:
  search:
    cmd: "PYTHON -m sklearn_autotune run params.yaml --output best --quiet"
    params: [model_type, n_trials, space]
    outs: [best]
"""


class TestDVC:
    """The parameters of an experiment are the configuration of a run, and the run folder is an output."""

    @pytest.fixture
    def dvc(self, tmp_path):
        require("dvc")
        settings = {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}

        def call(*arguments, program=(sys.executable, "-m", "dvc")):
            command = [*program, *arguments]
            answer = subprocess.run(command, cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True)
            assert answer.returncode == 0, answer.stdout + answer.stderr
            return answer.stdout

        (tmp_path / "params.yaml").write_text(PARAMS)
        (tmp_path / "dvc.yaml").write_text(PIPELINE.replace("PYTHON", sys.executable))
        call("init", program=("git",))
        call("init", "--quiet")
        return call

    def test_a_stage_runs_the_search_and_its_folder_is_kept(self, dvc, tmp_path):
        dvc("repro")
        first = json.loads((tmp_path / "best" / "metadata.json").read_text())
        again = dvc("repro")

        assert "didn't change" in again
        assert (tmp_path / "best" / "model.joblib").exists()
        assert 1.0 in first["parameters"].values()

    def test_a_number_that_dvc_writes_is_a_number_here(self, dvc, tmp_path):
        """PyYAML reads `1e-05`, which DVC writes, as words."""
        dvc("repro")
        git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
        dvc("add", ".", program=git)
        dvc("commit", "-qm", "first", program=git)

        dvc("exp", "run", "--quiet", "-S", "space.C=0.00001")

        written = (tmp_path / "params.yaml").read_text()
        assert re.search(r"C: 1e-05$", written, re.MULTILINE)
        assert yaml.safe_load(written)["space"]["C"] == "1e-05"
        found = json.loads((tmp_path / "best" / "metadata.json").read_text())
        assert 1e-5 in found["parameters"].values()


CODE = """
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from sklearn_autotune import OptunaSearchCV
search = OptunaSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=3, n_jobs=2, verbose=1)
search.fit(*load_iris(return_X_y=True))
"""


class TestJupyterLab:
    def test_a_kernel_of_the_server_fits_and_shows_a_search(self, tmp_path):
        require("jupyterlab", "ipykernel", "websocket")
        token, port_file = "secret", tmp_path / "server.json"
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"]
        command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={tmp_path}"]
        command += [f"--ServerApp.info_file={port_file}"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            address = find_address(server)
            assert b"JupyterLab" in wait_for(f"{address}/lab?token={token}")
            shown = run_in_kernel(address, token, CODE)
        finally:
            server.terminate()
            server.communicate(timeout=30)

        assert [message for message in shown if message["msg_type"] == "error"] == []
        results = [message["content"]["data"] for message in shown if message["msg_type"] == "execute_result"]
        assert "OptunaSearchCV" in results[0]["text/html"]


def find_address(server):
    """The address that the server prints when it is up."""
    for line in server.stdout:
        found = re.search(r"(http://(?:localhost|127\.0\.0\.1):\d+)/lab", line)
        if found:
            return found[1]
    raise AssertionError("the server ended")


def run_in_kernel(address, token, code):
    """The messages of a new kernel about a piece of code."""
    import websocket

    headers = {"Authorization": f"token {token}"}
    request = Request(f"{address}/api/kernels", data=b"{}", headers=headers, method="POST")
    with urlopen(request, timeout=60) as answer:
        kernel = json.loads(answer.read())["id"]
    channel = websocket.create_connection(
        f"{address.replace('http', 'ws')}/api/kernels/{kernel}/channels?token={token}", timeout=120
    )
    header = {"msg_id": "one", "username": "", "session": "s", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    channel.send(json.dumps(request | {"buffers": []}))
    messages = []
    while True:
        message = json.loads(channel.recv())
        if message["parent_header"].get("msg_id") == "one":
            messages.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                channel.close()
                return messages

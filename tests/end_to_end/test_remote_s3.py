"""The same by way of the S3 API, on a server on this machine; runs where requirements-s3-test.txt is installed."""

import hashlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dvc_project import ran
from remote_project import CELLS, SUMMARISED, bare_clone, push_and_lose, texts, unpushed

pytest.importorskip("dvc_s3")
pytest.importorskip("moto.server")
pytestmark = pytest.mark.slow

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
EXTRA = [path for path in sys.path if (Path(path) / "dvc_s3").is_dir()]


@pytest.fixture(scope="module")
def endpoint():
    """The address of a server that keeps its objects in memory, with a bucket `embeddings`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-c", "import sys; from moto.server import main; main(sys.argv[1:])", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        bucket(address).create_bucket(Bucket="embeddings")
        yield address
    finally:
        server.terminate()
        server.wait()


def bucket(address):
    import boto3

    secrets = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=address, **secrets)


@pytest.fixture(scope="module")
def origin(tmp_path_factory, endpoint):
    outside = tmp_path_factory.mktemp("outside")
    project = unpushed(tmp_path_factory.mktemp("origin"), outside, "s3://embeddings/store", **KEYS)
    project.environment["PYTHONPATH"] += "".join(f":{path}" for path in EXTRA)
    project.dvc("remote", "modify", "store", "endpointurl", endpoint)
    project.commit()
    push_and_lose(project, outside)
    return project


@pytest.fixture
def clone(origin, tmp_path):
    made = bare_clone(origin, tmp_path)
    made.environment["PYTHONPATH"] += "".join(f":{path}" for path in EXTRA)
    return made


def test_a_strategy_more_is_learned_from_what_the_bucket_holds(origin, clone, endpoint):
    clone.dvc("pull", "outside", "own_vectors", "embed", "initialize", "active_learn")
    assert not texts(clone)
    assert clone.dvc("repro", "--allow-missing").endswith("Data and pipelines are up to date.\n")

    clone.change({"grid": {"strategies": ["random", "margin", "badge"]}})
    output = clone.dvc("repro", "--allow-missing")
    assert ran(output) == {f"active_learn@{cell}" for cell in CELLS} | SUMMARISED
    assert not texts(clone)
    assert output.count("12 of 12 runs computed") == 2


def test_the_bucket_holds_embeddings_and_no_texts(origin, endpoint):
    listed = bucket(endpoint).list_objects_v2(Bucket="embeddings")["Contents"]
    digests = {"".join(item["Key"].rsplit("/", 2)[-2:]) for item in listed}
    files = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in origin.folder.glob("data/*/own/*")}
    assert files["hashing.train.npy"] in digests
    assert files["train.parquet"] not in digests
    assert files["test.parquet"] not in digests


def test_one_cell_comes_alone(clone):
    clone.dvc("pull", "embed@own-hashing")
    assert {path.name for path in clone.folder.glob("data/embeddings/**/*.npy")} == {
        "hashing.train.npy",
        "hashing.test.npy",
    }

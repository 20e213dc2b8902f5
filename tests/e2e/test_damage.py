"""A model folder damaged in every way that a loader can meet: one clear sentence, and the host goes on."""

import json
import os
import shutil
import struct
import time

import pytest
from conftest import MINILM, deployment, minilm


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "model"
    shutil.copytree(MINILM, target)
    return target


def header(folder):
    with open(folder / "model.safetensors", "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        return json.loads(file.read(size)), size


def rewrite(folder, change):
    entries, size = header(folder)
    change(entries)
    text = json.dumps(entries).encode()
    path = folder / "model.safetensors"
    data = path.read_bytes()[8 + size :]
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def truncate(folder):
    os.truncate(folder / "model.safetensors", 50_000_000)


def huge_header(folder):
    with open(folder / "model.safetensors", "r+b") as file:
        file.write(struct.pack("<Q", 1 << 63))


def tensors(entries):
    return [k for k in entries if k != "__metadata__"]


def overlap(folder):
    def change(entries):
        first, second = [n for n in tensors(entries) if n.endswith("LayerNorm.weight")][:2]
        entries[second]["data_offsets"] = entries[first]["data_offsets"]

    rewrite(folder, change)


def out_of_range(folder):
    def change(entries):
        name = max(tensors(entries), key=lambda n: entries[n]["data_offsets"][1])
        entries[name]["data_offsets"][1] += 1 << 40

    rewrite(folder, change)


def wrong_dtype(folder):
    rewrite(folder, lambda e: e[tensors(e)[0]].update(dtype="Q7"))


def missing_tensor(folder):
    rewrite(folder, lambda e: e.pop(next(n for n in tensors(e) if n.endswith("query.weight"))))


def no_config(folder):
    (folder / "config.json").unlink()


def wrong_config(folder):
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "perceiver"
    (folder / "config.json").write_text(json.dumps(config))


def torn_config(folder):
    (folder / "config.json").write_text('{"model_type": "bert", ')


def wrong_shape(folder):
    config = json.loads((folder / "config.json").read_text())
    config["hidden_size"] = 768
    (folder / "config.json").write_text(json.dumps(config))


def no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


def foreign_tokenizer(folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    vocab.update({f"strange{i}": len(vocab) + i for i in range(5000)})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def only_a_pickle(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def weights_are_a_folder(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


@pytest.mark.parametrize(
    "damage, words",
    [
        (truncate, ["model.safetensors"]),
        (huge_header, ["header", "9223372036854775808"]),
        (overlap, ["overlap"]),
        (out_of_range, ["model.safetensors"]),
        (wrong_dtype, ["Q7"]),
        (missing_tensor, ["query.weight"]),
        (no_config, ["config.json"]),
        (wrong_config, ["perceiver", "bert"]),
        (torn_config, ["config.json"]),
        (wrong_shape, ["768", "384"]),
        (no_tokenizer, ["tokenizer.json"]),
        (foreign_tokenizer, ["vocab"]),
        (only_a_pickle, ["pickle", "safetensors"]),
        (no_weights, ["safetensors"]),
        (weights_are_a_folder, ["safetensors"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_damaged_folder_is_refused_in_a_sentence(host, folder, damage, words):
    damage(folder)
    served = host(
        deployment("broken", runtime="tei", origin=f"file:{folder}", limits='maxWait = "10s"')
        + minilm()
    )
    answer = served.post("broken", "/embed", json={"inputs": "x"})
    assert answer.status_code in (500, 502, 503), answer.text
    message = answer.json()["error"]["message"]
    for word in words:
        assert word in message, message
    assert served.post("minilm", "/embed", json={"inputs": "x"}).status_code == 200
    assert served.status("broken")["lastError"]


def test_the_folder_vanishes_while_the_host_runs(host, folder):
    served = host(
        deployment("gone", runtime="tei", origin=f"file:{folder}", scale='lastReplicaRetention = "200ms"')
    )
    assert served.post("gone", "/embed", json={"inputs": "x"}).status_code == 200
    shutil.rmtree(folder)
    time.sleep(1)
    answer = served.post("gone", "/embed", json={"inputs": "x"})
    assert answer.status_code in (500, 502, 503)
    assert "model" in answer.json()["error"]["message"]

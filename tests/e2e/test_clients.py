"""The client libraries that people use, against a live host."""

import json
import subprocess

import numpy as np
import openai
import pytest
import requests
from conftest import minilm
from huggingface_hub import InferenceClient

TEXT = "What is a tenon? The part of a joint that fits the mortise."


@pytest.fixture
def served(host):
    return host(minilm())


def reference(served, text=TEXT):
    return np.array(served.post("minilm", "/embed", json={"inputs": text}).json()[0])


def test_hugging_face_inference_client(served):
    client = InferenceClient(model=served.endpoint("minilm"))
    vector = client.feature_extraction(TEXT)
    assert vector.shape == (1, 384)
    assert np.allclose(vector[0], reference(served), atol=1e-6)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_openai_embeddings(served, encoding):
    client = openai.OpenAI(base_url=served.endpoint("minilm") + "/v1", api_key="unused")
    answer = client.embeddings.create(model="minilm", input=[TEXT, "two"], encoding_format=encoding)
    assert [entry.index for entry in answer.data] == [0, 1]
    vector = answer.data[0].embedding
    if isinstance(vector, str):  # base64 is decoded by the client only where it asked for it itself
        import base64

        vector = np.frombuffer(base64.b64decode(vector), dtype="<f4")
    assert np.allclose(vector, reference(served), atol=1e-6)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0


def test_openai_default_encoding(served):
    client = openai.OpenAI(base_url=served.endpoint("minilm") + "/v1", api_key="unused")
    answer = client.embeddings.create(model="minilm", input=TEXT)
    assert np.allclose(answer.data[0].embedding, reference(served), atol=1e-6)


def test_curl(served):
    out = subprocess.run(
        ["curl", "-sS", "-f", served.endpoint("minilm") + "/embed"]
        + ["-H", "content-type: application/json", "-d", json.dumps({"inputs": TEXT})],
        check=True,
        capture_output=True,
    )
    assert np.allclose(json.loads(out.stdout)[0], reference(served), atol=1e-6)


def test_similarity_and_info(served):
    answer = served.post(
        "minilm",
        "/similarity",
        json={"inputs": {"source_sentence": "a cat", "sentences": ["a cat", "a kitten", "steel"]}},
    ).json()
    assert answer[0] == pytest.approx(1, abs=1e-5)
    assert answer[0] > answer[1] > answer[2]
    info = requests.get(served.endpoint("minilm") + "/info", timeout=10).json()
    assert list(info)[:3] == ["model_id", "model_sha", "model_dtype"]
    assert info["model_type"] == {"embedding": {"pooling": "mean"}}

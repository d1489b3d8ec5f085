import io
import os

import pytest
from hub_server import LoopbackHub
from hypothesis import settings

# Two test processes on two cores: threads of each would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A slow machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items):
    """Long tests first, so that no process works on one while the others have nothing left."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A loopback hub with an empty cache, in the place of the real one for the client libraries of this process."""
    import datasets
    from huggingface_hub import constants

    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("nofreelunch.base.hub.WAITS", (0.0, 0.0))
    with LoopbackHub() as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache" / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", served.url)
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache" / "datasets")
        yield served


@pytest.fixture(scope="session")
def parquet():
    """Bytes of a parquet file with the given columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def written(columns):
        buffer = io.BytesIO()
        pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), buffer)
        return buffer.getvalue()

    return written


@pytest.fixture
def model(hub, tmp_path):
    """A repository that holds a tiny sentence-transformers model, and the model itself."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film"]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    bare = tmp_path / "bare"
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(bare)
    PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(bare)
    built = SentenceTransformer(modules=[Transformer(str(bare)), Pooling(16, "mean"), Normalize()], device="cpu")
    built.save(str(tmp_path / "model"), create_model_card=False)
    return hub.commit("model", "me/tiny-bert", tmp_path / "model"), built

import pytest
from tiny_models import save_sentence_model


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    return save_sentence_model(tmp_path_factory.mktemp("bert"))

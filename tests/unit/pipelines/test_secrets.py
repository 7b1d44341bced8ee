"""Secrets stay out of records, and what is none stays readable."""

from __future__ import annotations

import pytest

from holdfast.pipelines.secrets import hide_secrets, without_password

ENVIRONMENT = {"HF_TOKEN": "hf_abcdef", "PASSWORD": "hunter2!", "HOME": "/home/mara", "SSH_KEY": "k", "MY_SECRET": "ab"}


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("python train.py --epochs 3", "python train.py --epochs 3"),
        ("fit --token abc --rows 9", "fit --token *** --rows 9"),
        ("fit --api-key=abc", "fit --api-key=***"),
        ("env DB_PASSWORD=abc fit", "env DB_PASSWORD=*** fit"),
        ("load postgresql://mara:pw@db/rates", "load postgresql://db/rates"),
        ("curl -H Authorization:hf_abcdef", "curl -H Authorization:***"),
        ("fit --tokenizer bert --max-tokens 100", "fit --tokenizer bert --max-tokens 100"),
        ("fit --home /home/mara ab", "fit --home /home/mara ab"),
    ],
)
def test_commands(command, shown):
    assert " ".join(hide_secrets(command.split(), ENVIRONMENT)) == shown


def test_addresses():
    assert without_password("https://mara:pw@git.example/a.git") == "https://git.example/a.git"
    assert without_password("git@git.example:a.git") == "git@git.example:a.git"

"""What is established about a release before it is attacked."""

from __future__ import annotations

import pandas as pd

from holdfast.releases.plan import _in_table
from holdfast.targets.model import plain_name


def test_features_that_a_library_renamed_are_found_in_the_table():
    frame = pd.DataFrame(columns=["checking-account", "credit amount", "age"])
    assert plain_name("checking-account") == "checking_account"
    assert _in_table(("age", "checking_account", "credit_amount"), frame) == (
        "age",
        "checking-account",
        "credit amount",
    )
    assert _in_table(None, frame) is None
    assert _in_table(("nowhere",), frame) == ("nowhere",)

"""Trials of the guards on text: what they must find, and what looks like it but is nothing."""

from holdfast.testing.trial import TextTrial

phrases = TextTrial(
    planted=(
        "The new model is called Blue Heron and ships in May.",
        "blue   heron",
        "It begins: BLUE\nHERON. It ends: k-7713.",
        "Ask for K-7713!" + " Then wait." * 200,
    ),
    clean=(
        "",
        "A heron is a blue bird.",
        "The blue one. Heron stays.",
        "k 7713",
        "Herons and bluebirds, 7713 of them." * 50,
    ),
    params={"phrases": ("blue heron", "k-7713")},
)

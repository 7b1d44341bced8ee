"""How the linear heads of `holdfast.text` are trained: by texts that others labelled, and by templates of our own."""

"""What a text says and what it hides, as attacks look for it: every view, in small letters."""

from __future__ import annotations

from functools import lru_cache

from holdfast.text.views import views as every_view


@lru_cache(maxsize=512)
def views(text: str) -> tuple[str, ...]:
    """The text's plain form first, then what is encoded in it, in small letters, each once."""
    return tuple(dict.fromkeys(view.text.casefold() for view in every_view(text)))

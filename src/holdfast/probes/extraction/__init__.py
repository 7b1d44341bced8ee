"""Theft: what a copy of the model costs somebody who may only ask it questions."""

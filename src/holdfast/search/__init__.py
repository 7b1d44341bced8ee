"""The search for a changed row that is decided otherwise, under constraints: asked by attacks and counterfactuals."""

"""Whether the reasons that would be given for a decision hold."""

"""Whether decisions still rest on what they rested on."""

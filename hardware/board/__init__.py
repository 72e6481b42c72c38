"""The terminal's board: what tells one from another."""

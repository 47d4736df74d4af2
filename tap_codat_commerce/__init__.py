"""Singer tap for Codat's commerce data: every shop of every company, complete."""

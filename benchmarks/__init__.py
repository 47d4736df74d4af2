"""What it costs: `python3 dev.py bench`."""

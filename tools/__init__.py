"""What is done with a checkout: `python3 dev.py`."""

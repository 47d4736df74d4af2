"""A stand-in for Codat's API: for the demo, for tests, and for anybody without an account.

Written from what Codat documents, not from what the tap does; it refuses what Codat would refuse.
"""

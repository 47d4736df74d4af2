"""What makes the parts of the documents that come from the code."""

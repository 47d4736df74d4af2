"""`codat-commerce`: the steps before the data flows, and a look at where they stand."""

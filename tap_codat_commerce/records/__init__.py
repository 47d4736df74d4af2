"""What a record looks like, and how an answer of Codat's gets into that form."""

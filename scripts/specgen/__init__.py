"""The steps from a Postman item to the generated package, each a function of its inputs alone."""

"""The steps from a Postman item to the generated package, one a module; only `files` and `codegen` touch the disk."""

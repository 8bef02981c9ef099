"""Run the commands and programs of documents, and put their output into the documents."""

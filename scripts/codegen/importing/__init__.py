"""What an import does to an item before it becomes a file."""

"""What a new operation needs beside its item, and text for it that is ready to paste."""

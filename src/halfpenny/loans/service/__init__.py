"""The use cases of loans, one module each."""

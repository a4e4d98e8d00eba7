"""What each account is to have: YAML files, their model, and the loader that reports every mistake at once."""

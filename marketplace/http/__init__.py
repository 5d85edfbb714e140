"""The toolkit of every view: requests read strictly, permissions, errors and responses."""

"""Whether an image may be started, by what this site holds: ``validators.policy`` over its entries."""

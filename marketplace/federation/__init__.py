"""How this marketplace publishes its logs to others and watches over theirs."""

"""The decisions: how a task is planned, done, checked, settled and concluded. Free of Django, brokers and vendors."""

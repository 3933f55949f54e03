"""The Portuguese of what the commands say. tests/scripts/test_words.py names every text that is missing here."""

PORTUGUESE: dict[str, str] = {}

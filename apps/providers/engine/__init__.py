"""The built-in engine: the real llama.cpp server, one process for each GGUF file. `server.py` must start without Django."""

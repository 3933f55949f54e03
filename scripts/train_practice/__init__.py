"""Trains the three practice models from nothing: `python -m scripts.train_practice --out DIR`.

The story is in `__main__.py`; it needs the environment of requirements-training.txt, never the product's own.
"""

"""Fits the shipped estimators again from a folder of data; it needs the environment of requirements-fitting.txt.

Each module has `train(data_dir, out_file)`, which writes the JSON file that the engine reads and prints what it measured.
"""

"""What carries the engine: the journal in the database, the way to the models, and the worker that runs tasks."""

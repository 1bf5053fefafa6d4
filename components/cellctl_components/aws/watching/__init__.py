"""The watcher: a function that tells CloudWatch what it has no metric of, and the component that declares it."""

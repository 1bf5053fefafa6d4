"""Drawings of values: Plan, Outcome, Event and errors as text for people, as JSON, and live on a terminal.

Views compute and draw; they never run an operation, prompt or decide.
"""

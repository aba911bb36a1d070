"""Runs that wait for a person or were interrupted: shown, decided on, resumed, forked."""

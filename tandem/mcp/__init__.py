"""Tools of MCP servers: sessions with the servers, and what is believed of what they say.

A server's words are untrusted. Plans are made from what a person accepted (catalogue.py), never
from what a server says at the moment; a call reaches a server only while it still says the same.
"""

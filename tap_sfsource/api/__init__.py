"""Salesforce's APIs: the only code that sends a request."""

"""The tap: a Salesforce org as Singer messages."""

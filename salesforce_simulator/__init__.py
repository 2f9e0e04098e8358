"""The simulated org: an HTTP(S) server that stands in for Salesforce, built from facts of its real APIs."""

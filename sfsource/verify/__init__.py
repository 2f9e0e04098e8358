"""`sfsource verify`: proves that the warehouse holds what the org holds, and puts it right."""

"""From a record to a CSV row: the only place that decides how a type is written."""

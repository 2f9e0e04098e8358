"""The org's HTTP side: OAuth, REST, composite, Bulk 2.0 and 1.0, limits, faults and the ledger."""

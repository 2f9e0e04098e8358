"""From the input to rows: lines, messages, batches and batch files."""

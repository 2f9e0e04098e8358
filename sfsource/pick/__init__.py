"""`sfsource pick`: a full-screen picker of objects and fields, with what they cost."""

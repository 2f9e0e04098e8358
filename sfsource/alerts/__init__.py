"""`sfsource alerts`: tells people what is not well after a tick; once a trouble, and once when it is over."""

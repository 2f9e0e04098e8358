"""What the command is told: the settings of both halves, the selection and the state, wherever the pair has them."""

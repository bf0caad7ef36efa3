"""The Net tab: every layer of a net, what its units answer, and surgery on any of them."""

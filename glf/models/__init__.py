"""Models: a choice of networks, flows and losses, trained by one loop."""

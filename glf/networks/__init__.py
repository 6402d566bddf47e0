"""Encoders, decoders, feature networks, and what asks for the parameters of a flow."""

"""KiloLLM."""

"""The core of Kilo for Python: everything the gateway asks for, and no framework."""

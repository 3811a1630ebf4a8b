"""For PyInstaller: the bundled model list, and modules that are loaded when they are first used."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

_NOT_COLLECTED = ("kilo_gateway.cli", "kilo_gateway.testing", "kilo_gateway.packagers")
"""Rooms for the command line and for tests: an application that imports one takes what it imports."""

datas = collect_data_files("kilo_gateway")
hiddenimports = collect_submodules("kilo_gateway", filter=lambda name: not name.startswith(_NOT_COLLECTED))

"""For PyInstaller: modules that are loaded when they are first used."""

from PyInstaller.utils.hooks import collect_submodules

hiddenimports = collect_submodules("langchain_kilo")

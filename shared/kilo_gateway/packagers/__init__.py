"""What packagers of applications need to know about this package: hooks for PyInstaller, found by its entry point.

PyInstaller runs the files beside this one by itself. Nothing here is imported by the package.
"""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """Return the folders with hooks for PyInstaller; the entry point `pyinstaller40` names this function.

    Source: https://pyinstaller.org/en/stable/hooks.html#providing-pyinstaller-hooks-with-your-package
    """
    return [str(Path(__file__).parent)]

"""The packages: setuptools finds those of a folder, but not under the name of a folder above them."""

from setuptools import find_packages, setup

FOLDERS = ("models", "quantize", "export", "firmware_sim", "tools")

# The script's name, so that it is not taken for a module of the package that it lies in.
setup(
    script_name="setup.py",
    packages=["stapes", *(f"stapes.{name}" for name in find_packages(include=[f"{folder}*" for folder in FOLDERS]))],
)

"""Regions from pixels: pictures in any common format to features and boxes.

Nothing is imported here: each module is imported by its own name.
"""

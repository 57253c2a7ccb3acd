"""A data set of one's own, from a folder of pictures and a caption file.

Nothing is imported here: each module is imported by its own name.
"""

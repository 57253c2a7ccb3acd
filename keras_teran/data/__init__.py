"""Captions, region features, batches and the embedded set.

Nothing is imported here: each module is imported by its own name, so that reading
captions does not cost the import of Keras.
"""

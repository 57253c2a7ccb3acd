"""A first stage for a trained model: its scores distilled into the pooled vectors."""

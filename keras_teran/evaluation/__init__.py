"""How well a similarity matrix retrieves, and whether regions ground words."""

"""Two releases side by side on one stack, under load: rolled out, and rolled back."""

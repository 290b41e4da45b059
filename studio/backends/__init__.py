"""Where the model is: a wire, its dialects, the embedded model. Knows nothing of books or screens."""

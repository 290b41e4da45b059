"""The desk and the library on Textual: draws events, sends commands."""

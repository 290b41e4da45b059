"""The talk between author and agent before a book is written."""

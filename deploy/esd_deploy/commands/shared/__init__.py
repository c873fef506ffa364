"""What several commands share: options, the words that people type, what is printed."""

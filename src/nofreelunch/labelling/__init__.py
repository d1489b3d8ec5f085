"""The labelling loop: a file of texts, the next batch to label, how good the model is, and when to stop."""

"""A query and who answers it: query strategies and initial pool selections."""

"""Files and folders of results: whole or not there, never at the cost of a person's own."""

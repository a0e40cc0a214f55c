"""What a scene and all that comes with it are found to be, and what about it is doubtful."""

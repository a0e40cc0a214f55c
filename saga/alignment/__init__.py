"""Whether cameras and scene are in one coordinate frame, told from renderings and photographs; and mending it."""

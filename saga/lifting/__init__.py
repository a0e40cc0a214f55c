"""Other methods of segmentation on the same operator: each works through render, lift and single rows of A."""

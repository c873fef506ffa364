"""What a series showed, in all its forms: JSON, beNNch's CSV, the page, the comparison with another series."""

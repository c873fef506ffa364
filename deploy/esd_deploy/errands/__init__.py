"""Small jobs that ask a site about itself: its programs, its images."""

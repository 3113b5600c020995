"""Files for other programs: camera paths of an export, and images along them."""

"""The layouts of captures that can be read, one file each."""

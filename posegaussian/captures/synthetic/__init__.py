"""Built-in input: synthetic, always clothed people before a synthetic rig, with the truth about them.

`person.make_person(seed)` makes somebody, `Person.posed(time)` gives the dressed mesh and its COCO-17 joints,
`raster.photograph(mesh, view, light)` takes a picture with mask and depth, `write.write_capture` writes a capture.
The world: z up, metres, the floor at z = 0, the person about the origin. Pixel centres at +0.5 everywhere but in the
written files. NumPy and Numba only.
"""

"""Built-in input: synthetic, always clothed people before synthetic rigs, with the truth about them.

    people: person (body, garments, hair, motion)      somebody from a seed, in NumPy
    bake, occlusion, track -> preparation              the same, ready to be photographed: plain arrays
    mesh, subject                                        ... on a device, in torch
    projection, zbuffer (scanlines), lights, shading -> photograph      pictures, and depth at pixel centres
    rig, calibration, sensor                           where cameras stand, how they err, what they do to pictures
    studio -> performance; scans                       what a capture shows, as arrays
    render_clip, visibility, sample -> stream              training samples without end
    splits                                             who may be learned from

The world: z up, metres, the floor at z = 0, the person about the origin, facing -y. Pixel centres at +0.5 everywhere
but in the written files. `raster` is the plain reference that the photographer is tested against.
"""

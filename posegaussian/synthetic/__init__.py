"""Built-in input: synthetic, always clothed people in front of synthetic rigs, with ground truth.

    people: person (body, garments, hair, motion)              a person from a seed, in NumPy
    people: bake, pose_sequence -> prepared_subject            the same person ready to be rendered: plain arrays
    people: subject_mesh, subject                              the same on a device, in torch
    renderer: projection, zbuffer, lights, shading -> render   colours and coverage; depth at pixel centres
    rooms: drawing -> room -> baking -> view                   what surrounds the person, in the same cameras
    rigs: rig, calibration; sensors                            camera positions, calibration errors, sensor effects
    dataset: capture_scene -> synthetic_capture; scans         what a capture shows, as arrays
    dataset: stereo_scene, clips, visibility, sample -> stream the endless stream of training samples
    people: splits                                             which people may be used for training

World: z up, metres, the floor at z = 0, the person near the origin, facing -y. Pixel centres lie at +0.5 everywhere
except in the files that are written.
"""

"""Triangle meshes: normals, materials, textures, ambient occlusion."""

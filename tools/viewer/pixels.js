// Frames of Gaussians as images: what posegaussian/export/pixel_frames.py writes, read on the GPU, pixel by pixel.
import { dyno, SplatGenerator } from "@sparkjsdev/spark";
import { NearestFilter, NoColorSpace, Texture, Vector3, Vector4 } from "three";

const SHADER = `
  Gsplat pixelSplat(int index, sampler2D image, ivec4 box0, ivec4 box1, int stride, vec3 pinhole0, vec3 pinhole1,
      vec4 quaternion0, vec4 quaternion1, vec3 position0, vec3 position1, vec4 ranges, float reach) {
    Gsplat splat;
    splat.flags = 0u;
    splat.index = index;
    int left = box0.z * box0.w;
    bool second = index >= left;
    int cellIndex = second ? index - left : index;
    ivec4 box = second ? box1 : box0;
    if (cellIndex >= box.z * box.w) return splat;
    ivec2 cell = ivec2(cellIndex % box.z, cellIndex / box.z);
    ivec2 at = cell + ivec2(second ? box0.z : 0, 0);
    int height = max(box0.w, box1.w);
    vec3 part[4];
    for (int i = 0; i < 4; i++) part[i] = floor(texelFetch(image, at + ivec2(0, i * height), 0).rgb * 255.0 + 0.5);
    if (part[1].b == 0.0) return splat;
    vec3 pinhole = second ? pinhole1 : pinhole0;
    vec4 q = second ? quaternion1 : quaternion0;
    float depth = 1.0 / mix(ranges.x, ranges.y, (part[1].r * 256.0 + part[1].g) / 4095.0);
    vec2 pixel = vec2(box.xy + stride * cell) + 0.5;
    vec3 point = vec3((pixel - pinhole.yz) / pinhole.x, 1.0) * depth;
    vec3 xyz = (part[3] / 31.0 - 1.0) * reach;
    vec4 turn = vec4(xyz, sqrt(max(0.0, 1.0 - dot(xyz, xyz))));
    splat.center = point + 2.0 * cross(q.xyz, cross(q.xyz, point) + q.w * point) + (second ? position1 : position0);
    splat.scales = exp(mix(vec3(ranges.z), vec3(ranges.w), part[2] / 31.0)) * depth / pinhole.x;
    splat.quaternion = vec4(q.w * turn.xyz + turn.w * q.xyz + cross(q.xyz, turn.xyz), q.w * turn.w - dot(q.xyz, turn.xyz));
    splat.rgba = vec4(part[0] / 255.0, part[1].b / 63.0);
    splat.flags = GSPLAT_FLAG_ACTIVE;
    return splat;
  }
`;

// The uniforms, in the order of the shader's arguments.
function uniforms() {
  const vectors = ["quaternion0", "quaternion1"].map((name) => [name, dyno.dynoVec4(new Vector4())]);
  return {
    image: dyno.dynoSampler2D(new Texture()),
    box0: dyno.dynoIvec4([0, 0, 0, 0]),
    box1: dyno.dynoIvec4([0, 0, 0, 0]),
    stride: dyno.dynoInt(1),
    pinhole0: dyno.dynoVec3(new Vector3()),
    pinhole1: dyno.dynoVec3(new Vector3()),
    ...Object.fromEntries(vectors),
    position0: dyno.dynoVec3(new Vector3()),
    position1: dyno.dynoVec3(new Vector3()),
    ranges: dyno.dynoVec4(new Vector4()),
    reach: dyno.dynoFloat(1),
  };
}

// All Gaussians of one frame; `show` exchanges the frame.
export class PixelSplats extends SplatGenerator {
  constructor(capacity) {
    const given = uniforms();
    const types = Object.fromEntries(Object.entries(given).map(([name, each]) => [name, each.type]));
    const generator = dyno.dynoBlock({ index: "int" }, { gsplat: dyno.Gsplat }, ({ index }) => {
      const unpack = new dyno.Dyno({
        inTypes: { index: "int", ...types },
        outTypes: { gsplat: dyno.Gsplat },
        inputs: { index, ...given },
        globals: () => [dyno.defineGsplat, SHADER],
        statements: ({ inputs, outputs }) => [
          `${outputs.gsplat} = pixelSplat(${["index", ...Object.keys(given)].map((name) => inputs[name]).join(", ")});`,
        ],
      });
      return { gsplat: unpack.outputs.gsplat };
    });
    super({ numSplats: capacity, generator });
    this.given = given;
  }

  show(frame, views, texture) {
    const { given } = this;
    given.image.value = texture;
    views.forEach(({ pinhole, quaternion, position }, i) => {
      given[`box${i}`].value = frame.boxes[i];
      given[`pinhole${i}`].value = new Vector3(...pinhole);
      given[`quaternion${i}`].value = new Vector4(...quaternion);
      given[`position${i}`].value = new Vector3(...position);
    });
    given.stride.value = frame.stride;
    given.ranges.value = new Vector4(...frame.depth, ...frame.scale);
    given.reach.value = frame.rotation;
    // As if these were other Gaussians: Spark then shows them once they are sorted, not in the order of the last frame.
    this.updateMappingVersion();
  }
}

export function cells(frame) {
  return frame.boxes.reduce((sum, [, , width, height]) => sum + width * height, 0);
}

// The image of a frame as a texture. The browser decodes beside the page; nothing may change the numbers.
export async function load(frame, renderer, times) {
  const start = performance.now();
  const response = frame.image.startsWith("data:") ? null : await fetch(frame.image);
  if (response && !response.ok) throw new Error(`${frame.image}: ${response.status}`);
  const blob = response ? await response.blob() : fromBase64(frame.image);
  const fetched = performance.now();
  const image = await createImageBitmap(blob, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const decoded = performance.now();
  const texture = new Texture(image);
  texture.colorSpace = NoColorSpace;
  texture.minFilter = texture.magFilter = NearestFilter;
  texture.generateMipmaps = texture.flipY = texture.premultiplyAlpha = false;
  texture.needsUpdate = true;
  renderer.initTexture(texture);
  image.close();
  times.push({ fetch: fetched - start, decode: decoded - fetched, upload: performance.now() - decoded });
  return texture;
}

function fromBase64(uri) {
  const text = atob(uri.slice(uri.indexOf(",") + 1));
  const data = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i);
  return new Blob([data], { type: "image/webp" });
}

// The 3D viewer of the report page: Gaussians in a canvas, turned by hand, frame by frame.
// The page holds <script type="application/json" class="splats"> beside each canvas; see posegaussian/report/viewer.py.
import { SparkRenderer, SplatMesh, SplatFileType } from "@sparkjsdev/spark";
import { Color, PerspectiveCamera, Scene, WebGLRenderer } from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";

const FPS = 12;

function bytes(base64) {
  const text = atob(base64);
  const data = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i);
  return data;
}

function start(root) {
  const { frames, centre, position, up, fov } = JSON.parse(root.querySelector(".splats").textContent);
  const canvas = root.querySelector("canvas");
  const slider = root.querySelector("input");
  const button = root.querySelector("button.play");
  slider.max = frames.length - 1;
  slider.hidden = button.hidden = frames.length === 1;

  const renderer = new WebGLRenderer({ canvas, antialias: false });
  const camera = new PerspectiveCamera(fov, 1, 0.05, 50);
  camera.up.set(...up);
  camera.position.set(...position);
  const scene = new Scene();
  scene.background = new Color(0x000000);
  // Our renders compensate opacity for the low-pass filter, as Spark does with `blurAmount`.
  const spark = new SparkRenderer({ renderer, blurAmount: 0.3, preBlurAmount: 0, sortRadial: false });
  scene.add(spark);

  const controls = new OrbitControls(camera, canvas);
  controls.target.set(...centre);
  controls.enableDamping = true;
  controls.minDistance = 0.4;
  controls.maxDistance = 8;
  controls.saveState();

  const meshes = frames.map((frame) => {
    const mesh = new SplatMesh({ fileBytes: bytes(frame.spz), fileType: SplatFileType.SPZ });
    mesh.visible = false;
    scene.add(mesh);
    return mesh;
  });

  let shown = -1;
  let playing = false;
  let last = 0;
  function show(index) {
    if (index === shown) return;
    meshes.forEach((mesh, i) => (mesh.visible = i === index));
    shown = index;
    slider.value = index;
    root.querySelector("output").textContent = frames[index].title;
  }

  function resize() {
    const { clientWidth: width, clientHeight: height } = canvas;
    renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    renderer.setSize(width, height, false);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
  }

  function play(on) {
    playing = on;
    button.textContent = on ? "pause" : "play";
  }

  slider.addEventListener("input", () => {
    play(false);
    show(Number(slider.value));
  });
  button.addEventListener("click", () => play(!playing));
  root.querySelector("button.home").addEventListener("click", () => controls.reset());
  new ResizeObserver(resize).observe(canvas);
  resize();

  return Promise.all(meshes.map((mesh) => mesh.initialized)).then(() => {
    show(0);
    renderer.setAnimationLoop((time) => {
      if (playing && time - last > 1000 / FPS) {
        last = time;
        show((shown + 1) % meshes.length);
      }
      controls.update();
      renderer.render(scene, camera);
    });
    root.dataset.state = "ready";
    root.viewer = { camera, controls, show, renderer, scene };
  });
}

function fail(root, error) {
  root.dataset.state = "failed";
  root.querySelector("output").textContent = `The viewer cannot start here: ${error.message}`;
}

// A viewer begins when it comes into sight: a page may hold many megabytes of Gaussians.
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    try {
      start(target).catch((error) => fail(target, error));
    } catch (error) {
      fail(target, error);
    }
  }
}, { rootMargin: "200px" });
document.querySelectorAll(".viewer").forEach((root) => seen.observe(root));

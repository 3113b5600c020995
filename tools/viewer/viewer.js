// The viewer of the report page and of exported sequences: Gaussians in a canvas, turned by hand, played over time.
// The page holds <script type="application/json" class="splats"> beside each canvas; see posegaussian/export/player.py.
import { SparkRenderer } from "@sparkjsdev/spark";
import { Color, MathUtils, PerspectiveCamera, Scene, Vector3, WebGLRenderer } from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { cells, load, PixelSplats } from "./pixels.js";

const AHEAD = 4; // frames that are decoded before they are shown
const KEPT = 12; // frames whose textures stay on the GPU
const NARROWEST = 0.8; // width / height of what is always in view: a person with the arms a little away from the body

// The textures of one pair's frames: what is shown, what comes next, and what was shown lately.
class Frames {
  constructor(frames, renderer, times) {
    Object.assign(this, { frames, renderer, times, textures: new Map() });
  }

  ready(index) {
    return this.textures.get(index)?.texture;
  }

  ask(index) {
    const known = this.textures.get(index);
    if (known) {
      this.textures.delete(index);
      this.textures.set(index, known); // now the last to go
      return known.promise;
    }
    const entry = {};
    entry.promise = load(this.frames[index], this.renderer, this.times).then((texture) => (entry.texture = texture));
    this.textures.set(index, entry);
    for (const [other, old] of this.textures) {
      if (this.textures.size <= KEPT) break;
      if (!old.texture) continue;
      old.texture.dispose();
      this.textures.delete(other);
    }
    return entry.promise;
  }
}

function start(root) {
  const { pairs, fps, centre, position, up, fov } = JSON.parse(root.querySelector(".splats").textContent);
  const canvas = root.querySelector("canvas");
  const slider = root.querySelector("input[type=range]");
  const button = root.querySelector("button.play");
  const loop = root.querySelector(".loop");
  const speed = root.querySelector(".speed");
  const count = Math.min(...pairs.map(({ frames }) => frames.length));
  slider.max = count - 1;
  slider.hidden = button.hidden = count === 1;

  const renderer = new WebGLRenderer({ canvas, antialias: false });
  const camera = new PerspectiveCamera(fov, 1, 0.05, 50);
  camera.up.set(...up);
  camera.position.set(...position);
  const scene = new Scene();
  scene.background = new Color(0x000000);
  // Our renders compensate opacity for the low-pass filter, as Spark does with `blurAmount`. Half precision would move
  // Gaussians by a millimetre: `accumExtSplats`.
  const options = { blurAmount: 0.3, preBlurAmount: 0, sortRadial: false, accumExtSplats: true };
  scene.add(new SparkRenderer({ renderer, ...options }));

  const controls = new OrbitControls(camera, canvas);
  controls.target.set(...centre);
  controls.enableDamping = true;
  controls.minDistance = 0.4;
  controls.maxDistance = 8;
  controls.saveState();

  const times = [];
  const sequences = pairs.map(({ frames }) => new Frames(frames, renderer, times));
  const splats = new PixelSplats(Math.max(...pairs.flatMap(({ frames }) => frames.map(cells))));
  scene.add(splats);

  // The pair whose middle is nearest in angle to the camera.
  function nearest() {
    const angle = (point) => point.sub(controls.target).angleTo(camera.position.clone().sub(controls.target));
    const angles = pairs.map((pair) => angle(new Vector3(...pair.position)));
    return angles.indexOf(Math.min(...angles));
  }

  const shown = { pair: -1, frame: -1 };
  let wanted = 0;
  let playing = false;
  let time = 0; // in frames
  let last = 0;
  function draw() {
    const pair = nearest();
    const texture = sequences[pair].ready(wanted);
    if (!texture || (shown.pair === pair && shown.frame === wanted)) return;
    Object.assign(shown, { pair, frame: wanted });
    splats.show(pairs[pair].frames[wanted], pairs[pair].views, texture);
    slider.value = wanted;
    root.querySelector("output").textContent = pairs[pair].frames[wanted].title;
  }

  // Resolves when the frame is on the screen, or a later wish has replaced it.
  function show(index) {
    wanted = index;
    return sequences[nearest()].ask(index).then(draw);
  }

  function prefetch() {
    const frames = sequences[nearest()];
    for (let i = 0; i <= Math.min(AHEAD, count - 1); i++) frames.ask((wanted + i) % count).catch((error) => fail(root, error));
  }

  function resize() {
    const { clientWidth: width, clientHeight: height } = canvas;
    renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    renderer.setSize(width, height, false);
    camera.aspect = width / height;
    const half = Math.tan(MathUtils.degToRad(fov / 2)) * Math.max(1, NARROWEST / camera.aspect);
    camera.fov = 2 * MathUtils.radToDeg(Math.atan(half));
    camera.updateProjectionMatrix();
  }

  function play(on) {
    playing = on;
    if (on && wanted === count - 1 && loop && !loop.checked) wanted = 0;
    time = wanted;
    button.textContent = on ? "pause" : "play";
  }

  function step(by) {
    play(false);
    show((wanted + by + count) % count).catch((error) => fail(root, error));
  }

  function tick(now) {
    const passed = Math.min((now - last) / 1000, 0.25);
    last = now;
    if (playing) {
      // Time waits for a frame that is not there yet: no frame is left out because of the network.
      const next = time + passed * fps * (speed ? Number(speed.value) : 1);
      if (shown.frame === wanted) time = next;
      if (time >= count && loop && !loop.checked) {
        wanted = count - 1;
        play(false);
      } else {
        time %= count;
        wanted = Math.floor(time);
      }
      prefetch();
    } else sequences[nearest()].ask(wanted).catch((error) => fail(root, error));
    draw();
  }

  slider.addEventListener("input", () => {
    play(false);
    show(Number(slider.value)).catch((error) => fail(root, error));
  });
  button.addEventListener("click", () => play(!playing));
  canvas.addEventListener("keydown", ({ key }) => {
    if (key === " ") play(!playing);
    if (key === "ArrowLeft") step(-1);
    if (key === "ArrowRight") step(1);
  });
  root.querySelector("button.home").addEventListener("click", () => controls.reset());
  new ResizeObserver(resize).observe(canvas);
  resize();

  return show(0).then(() => {
    renderer.setAnimationLoop((now) => {
      controls.update();
      tick(now);
      renderer.render(scene, camera);
    });
    root.dataset.state = "ready";
    root.viewer = { camera, controls, show, play, shown, times, renderer, scene };
  });
}

function fail(root, error) {
  root.dataset.state = "failed";
  root.querySelector("output").textContent = `The viewer cannot go on here: ${error.message}`;
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
